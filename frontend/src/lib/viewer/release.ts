import { type BufferGeometry, type Material, Mesh, type Object3D } from 'three';

/** Gives back what a part of a model holds on the graphics card. */
export function release(part: Object3D): void {
  if (!(part instanceof Mesh)) return;
  (part.geometry as BufferGeometry).dispose();
  for (const material of [part.material as Material | Material[]].flat()) {
    for (const value of Object.values(material) as unknown[]) {
      if (value && typeof value === 'object' && 'isTexture' in value) {
        (value as unknown as { dispose(): void }).dispose();
      }
    }
    material.dispose();
  }
}
