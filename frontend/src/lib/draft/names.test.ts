import { describe, expect, it } from 'vitest';
import { stemOf, suggestGroups, viewOfName } from './names';

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
    const groups = suggestGroups(['a_front.png', 'cup.png', 'a_back.png', 'b_front.png']);
    expect(groups).toEqual([
      new Map([
        ['front', 0],
        ['back', 2],
      ]),
    ]);
  });

  it('does not join what is named twice or lacks its front', () => {
    expect(suggestGroups(['a_front.png', 'a_front.jpg', 'b_left.png', 'b_back.png'])).toEqual([]);
  });

  it('joins numbered pictures only if they count from one', () => {
    expect(suggestGroups(['a-1.png', 'a-2.png'])).toHaveLength(1);
    expect(suggestGroups(['b-4.png', 'b-5.png'])).toEqual([]);
  });
});

it('keeps dots that begin no extension', () => {
  expect(stemOf('v1.2 duck.png')).toBe('v1.2 duck');
  expect(stemOf('.png')).toBe('.png');
});
