/** Says to screen readers what others see: one sentence at a time, politely. */
export class Announcer {
  sentence = $state('');

  say(sentence: string): void {
    this.sentence = sentence;
  }
}
