const KEY = 'image2model.viewer';

/** Which viewer to open when the page has been loaded anew for its code; read once. */
export const viewerToReopen = {
  set(value: string): void {
    try {
      sessionStorage.setItem(KEY, value);
    } catch {
      // Storage is forbidden: the page comes back without the viewer.
    }
  },

  /** @returns What was set before the page was loaded; "": nothing. */
  take(): string {
    try {
      const value = sessionStorage.getItem(KEY) ?? '';
      sessionStorage.removeItem(KEY);
      return value;
    } catch {
      return '';
    }
  },
};
