/** What stands around a model: light, and a floor to measure by. */
import {
  type Box3,
  DirectionalLight,
  GridHelper,
  PMREMGenerator,
  type Scene,
  Vector3,
  type WebGLRenderer,
} from 'three';
import { RoomEnvironment } from 'three/examples/jsm/environments/RoomEnvironment.js';
import { gridCellMm } from './measure';

const GRID = 0x8a958f;
/** Pictures bring their own light and shadow: little of ours keeps their colours. */
const ROOM_LIGHT = 0.72;
const KEY_LIGHT = 0.9;

/** A studio's light, whose brightness can be changed. */
export class Lighting {
  readonly #scene: Scene;
  readonly #key = new DirectionalLight(0xffffff);

  constructor(renderer: WebGLRenderer, scene: Scene) {
    const room = new RoomEnvironment();
    const generator = new PMREMGenerator(renderer);
    scene.environment = generator.fromScene(room, 0.04).texture;
    generator.dispose();
    room.dispose();
    this.#key.position.set(2, 3, 4);
    scene.add(this.#key);
    this.#scene = scene;
    this.set(1);
  }

  /** @param brightness 1.0 is as usual. */
  set(brightness: number): void {
    this.#scene.environmentIntensity = ROOM_LIGHT * brightness;
    this.#key.intensity = KEY_LIGHT * brightness;
  }

  dispose(): void {
    this.#scene.environment?.dispose();
  }
}

/** Lays a floor of squares under a model that fills *box*. */
export function makeGrid(box: Box3, mmPerUnit: number): GridHelper {
  const size = box.getSize(new Vector3());
  const centre = box.getCenter(new Vector3());
  const longestMm = Math.max(size.x, size.z) * mmPerUnit;
  const cellMm = gridCellMm(longestMm);
  const cells = Math.ceil(longestMm / cellMm / 2 + 1) * 2;
  const grid = new GridHelper((cells * cellMm) / mmPerUnit, cells, GRID, GRID);
  grid.material.transparent = true;
  grid.material.opacity = 0.4;
  grid.position.set(centre.x, box.min.y, centre.z);
  return grid;
}
