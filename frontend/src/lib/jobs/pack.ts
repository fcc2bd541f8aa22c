/** Puts a job's models into one ZIP file, in the browser. */
import { downloadZip } from 'client-zip';
import { type Api, modelUrl } from '../api/api';
import type { Job } from '../api/types';

/**
 * Fetches all models of *job* and packs them.
 *
 * @param onProgress Called with how many have come.
 */
export async function packModels(
  api: Api,
  job: Job,
  format: string,
  onProgress: (done: number) => void,
): Promise<Blob> {
  async function* files(): AsyncGenerator<{ name: string; input: Response }> {
    let done = 0;
    for (const item of job.items.filter((one) => one.state === 'succeeded')) {
      const input = await api.file(modelUrl(job.id, item.index, format));
      yield { name: `${item.name}.${format}`, input };
      onProgress(++done);
    }
  }
  return downloadZip(files()).blob();
}
