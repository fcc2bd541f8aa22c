import { expect, it } from 'vitest';
import { addressOf, addressesIn } from './addresses';

it.each([
  ['https://a.example/cup.png', 'https://a.example/cup.png'],
  [' a.example/cup.png ', 'https://a.example/cup.png'],
  ['http://10.0.0.1:8080/x', 'http://10.0.0.1:8080/x'],
  ['cup', null],
  ['file:///etc/passwd', null],
  ['javascript:alert(1)', null],
  ['data:image/png;base64,AAAA', null],
  ['https://', null],
])('reads %s as %s', (typed, address) => {
  expect(addressOf(typed)).toBe(address);
});

it('finds several, and none in a text', () => {
  expect(addressesIn('https://a.example/1.png\n\nhttps://a.example/2.png')).toHaveLength(2);
  expect(addressesIn('look at https://a.example/1.png')).toEqual([]);
  expect(addressesIn('')).toEqual([]);
});
