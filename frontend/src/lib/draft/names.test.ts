import { describe, expect, it } from 'vitest';
import { type ViewRules, VIEWS, stemOf, suggestGroups, viewOfName } from './names';

const ANY: ViewRules = {
  max_views: 8,
  min_views: 1,
  required_views: ['front'],
  optional_views: VIEWS.slice(1),
};
const HULL: ViewRules = {
  max_views: 4,
  min_views: 2,
  required_views: ['front'],
  optional_views: ['left', 'back', 'right'],
};
const ONE: ViewRules = {
  max_views: 1,
  min_views: 1,
  required_views: ['front'],
  optional_views: [],
};

const series = (object: string, from: number, to: number): string[] =>
  Array.from(
    { length: to - from + 1 },
    (_, n) => `${object}${String(n + from).padStart(2, '0')}.png`,
  );

describe('viewOfName', () => {
  it.each([
    ['duck_front.png', 'duck', 'front'],
    ['Duck-BACK.jpeg', 'duck', 'back'],
    ['my duck (left).webp', 'my duck', 'left'],
    ['duck_front-left.png', 'duck', 'front-left'],
    ['duck_rear.png', 'duck', 'back'],
  ])('reads the view of %s', (name, object, view) => {
    expect(viewOfName(name)).toEqual({ object, view, sure: true });
  });

  it('takes a number for a view only without certainty', () => {
    expect(viewOfName('duck-02.png')).toEqual({ object: 'duck', view: 'left', sure: false });
  });

  it.each(['front.png', 'duck.png', 'duck-12.png', 'upright.png'])('sees none in %s', (name) => {
    expect(viewOfName(name)).toBeNull();
  });
});

describe('suggestGroups', () => {
  it('joins views of one object and leaves others alone', () => {
    const groups = suggestGroups(['a_front.png', 'cup.png', 'a_back.png', 'b_front.png'], ANY);
    expect(groups).toEqual([
      new Map([
        ['front', 0],
        ['back', 2],
      ]),
    ]);
  });

  it('does not join what is named twice or lacks its front', () => {
    expect(suggestGroups(['a_front.png', 'a_front.jpg', 'b_left.png', 'b_back.png'], ANY)).toEqual(
      [],
    );
  });

  it('joins numbered pictures only if they count from one', () => {
    expect(suggestGroups(['a-1.png', 'a-2.png'], ANY)).toHaveLength(1);
    expect(suggestGroups(['b-4.png', 'b-5.png'], ANY)).toEqual([]);
  });

  it('takes a longer series for what it is', () => {
    expect(suggestGroups(series('vase_', 1, 8), ANY)).toHaveLength(1);
    expect(suggestGroups(series('vase_', 1, 9), ANY)).toEqual([]);
    expect(suggestGroups(series('vase_', 1, 12), ANY)).toEqual([]);
    expect(suggestGroups([...series('vase_', 1, 4), ...series('vase_', 20, 24)], ANY)).toEqual([]);
    expect(suggestGroups([...series('vase_', 1, 4), 'vase_0.png'], ANY)).toEqual([]);
    expect(suggestGroups(['vase-1.png', 'vase-2.png', 'vase-02.jpg'], ANY)).toEqual([]);
  });

  it('suggests only what the generator can make', () => {
    const names = ['a_front.png', 'a_back.png'];
    expect(suggestGroups(names, HULL)).toHaveLength(1);
    expect(suggestGroups(names, ONE)).toEqual([]);
    expect(suggestGroups(series('vase_', 1, 4), HULL)).toHaveLength(1);
    expect(suggestGroups(series('vase_', 1, 5), HULL)).toEqual([]);
    expect(suggestGroups(['a_front.png', 'a_top.png'], HULL)).toEqual([]);
  });

  it.each(['IMG_', 'DSC_', 'DSCN', 'IMG_2024_', 'Screenshot ', 'scan-', 'photo '])(
    'knows that %s numbers pictures and not sides',
    (start) => {
      expect(suggestGroups(series(start, 1, 4), ANY)).toEqual([]);
    },
  );
});

it('keeps dots that begin no extension', () => {
  expect(stemOf('v1.2 duck.png')).toBe('v1.2 duck');
  expect(stemOf('.png')).toBe('.png');
});
