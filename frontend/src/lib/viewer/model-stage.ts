/**
 * The 3D scene: one WebGL context, one model at a time, drawn only when something moves.
 *
 * three.js without a component layer on top: the scene is fixed and small, and what changes are
 * six settings. A declarative wrapper would add 60 KB for the same calls.
 */
import {
  Box3,
  type BufferGeometry,
  type GridHelper,
  Group,
  type Material,
  MathUtils,
  Mesh,
  MeshBasicMaterial,
  MeshNormalMaterial,
  MeshStandardMaterial,
  NeutralToneMapping,
  PerspectiveCamera,
  Scene,
  Vector3,
  WebGLRenderer,
} from 'three';
import { OrbitControls } from 'three/examples/jsm/controls/OrbitControls.js';
import { GLTFLoader } from 'three/examples/jsm/loaders/GLTFLoader.js';
import { FIELD_OF_VIEW_DEG, type Pose, START, frame } from './framing';
import { type Edge, edgesOf } from './measure';
import { release } from './release';
import { Lighting, makeGrid } from './surroundings';

export type Surface = 'texture' | 'clay' | 'normals';

const MM_PER_UNIT = 1_000;

export interface Label extends Edge {
  /** Where it is on the stage, in CSS pixels. */
  xPx: number;
  yPx: number;
}

export class ModelStage {
  readonly #renderer: WebGLRenderer;
  readonly #scene = new Scene();
  readonly #camera = new PerspectiveCamera(FIELD_OF_VIEW_DEG, 1, 0.001, 100);
  readonly #controls: OrbitControls;
  readonly #lighting: Lighting;
  readonly #clay = new MeshStandardMaterial({ color: 0xd8d4cb, roughness: 0.78 });
  readonly #normals = new MeshNormalMaterial();
  readonly #wire = new MeshBasicMaterial({
    color: 0x0d4a3a,
    wireframe: true,
    transparent: true,
    opacity: 0.35,
  });
  readonly #onLabels: (labels: Label[]) => void;
  #model: Group | null = null;
  #grid: GridHelper | null = null;
  #box = new Box3();
  #materials = new Map<Mesh, Material | Material[]>();
  #frame = 0;
  #gridShown = false;
  /** Where the camera was put; null once somebody moved it. */
  #pose: Pose | null = START;

  /**
   * @param canvas Where to draw.
   * @param onLabels Called after each frame with where the sizes are to be written.
   * @throws Error There is no WebGL.
   */
  constructor(canvas: HTMLCanvasElement, onLabels: (labels: Label[]) => void) {
    this.#onLabels = onLabels;
    this.#renderer = new WebGLRenderer({ canvas, alpha: true, antialias: true });
    this.#renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
    this.#renderer.toneMapping = NeutralToneMapping;
    this.#lighting = new Lighting(this.#renderer, this.#scene);
    this.#controls = new OrbitControls(this.#camera, canvas);
    this.#controls.autoRotateSpeed = 2.2;
    this.#controls.addEventListener('change', () => this.draw());
    this.#controls.addEventListener('start', () => (this.#pose = null));
  }

  /** Replaces the model by the one in *glb*, unless *signal* is aborted before it is ready. */
  async show(glb: ArrayBuffer, signal: AbortSignal): Promise<void> {
    const { scene } = await new GLTFLoader().parseAsync(glb, '');
    if (signal.aborted) return scene.traverse(release);
    this.clear();
    this.#model = scene;
    this.#box.setFromObject(scene);
    scene.traverse((part) => {
      if (part instanceof Mesh) this.#materials.set(part, part.material as Material | Material[]);
    });
    this.#scene.add(scene);
    this.#grid = makeGrid(this.#box, MM_PER_UNIT);
    this.#grid.visible = this.#gridShown;
    this.#scene.add(this.#grid);
    this.reset();
  }

  clear(): void {
    if (this.#model) {
      this.setWireframe(false);
      this.#restore();
      this.#scene.remove(this.#model);
      this.#model.traverse(release);
    }
    if (this.#grid) this.#scene.remove(this.#grid);
    this.#grid?.dispose();
    this.#materials.clear();
    this.#model = null;
    this.#grid = null;
    this.draw();
  }

  setSurface(surface: Surface): void {
    this.#restore();
    const plain = surface === 'clay' ? this.#clay : surface === 'normals' ? this.#normals : null;
    if (plain) for (const mesh of this.#materials.keys()) mesh.material = plain;
    this.draw();
  }

  setWireframe(on: boolean): void {
    for (const mesh of this.#materials.keys()) {
      const lines = mesh.children.filter((child) => child.name === 'wireframe');
      mesh.remove(...lines);
      if (!on) continue;
      const overlay = new Mesh(mesh.geometry as BufferGeometry, this.#wire);
      overlay.name = 'wireframe';
      mesh.add(overlay);
    }
    this.draw();
  }

  setGrid(on: boolean): void {
    this.#gridShown = on;
    if (this.#grid) this.#grid.visible = on;
    this.draw();
  }

  /** @param brightness 1.0 is as usual. */
  setLight(brightness: number): void {
    this.#lighting.set(brightness);
    this.draw();
  }

  setTurning(on: boolean): void {
    this.#controls.autoRotate = on;
    this.draw();
  }

  /** Turns the view by angles in radians. */
  orbit(left: number, up: number): void {
    this.#pose = null;
    this.#controls.rotateLeft(left);
    this.#controls.rotateUp(up);
    this.#controls.update();
  }

  /** @param factor Above 1.0: nearer. */
  zoom(factor: number): void {
    this.#pose = null;
    if (factor > 1) this.#controls.dollyIn(factor);
    else this.#controls.dollyOut(1 / factor);
    this.#controls.update();
  }

  /**
   * Looks at the model from where its picture was taken.
   *
   * @param yawDeg How far to the right of the front that is.
   * @param pitchDeg How far above.
   */
  faceAsTaken(yawDeg: number, pitchDeg: number): void {
    this.#place({
      azimuth: MathUtils.degToRad(yawDeg),
      elevation: MathUtils.degToRad(pitchDeg),
    });
  }

  reset(): void {
    this.#place(START);
  }

  resize(widthPx: number, heightPx: number): void {
    this.#renderer.setSize(widthPx, heightPx, false);
    this.#camera.aspect = widthPx / Math.max(heightPx, 1);
    this.#camera.updateProjectionMatrix();
    if (this.#pose && this.#model) this.#place(this.#pose);
    this.draw();
  }

  /** Draws soon, once for however many calls. */
  draw(): void {
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      if (this.#controls.autoRotate) this.#controls.update();
      this.#render();
      if (this.#controls.autoRotate) this.draw();
    });
  }

  /** @returns The picture as PNG, with a transparent background. */
  screenshot(): Promise<Blob | null> {
    this.#render();
    return new Promise((resolve) => this.#renderer.domElement.toBlob(resolve));
  }

  dispose(): void {
    this.clear();
    cancelAnimationFrame(this.#frame);
    this.#controls.dispose();
    this.#lighting.dispose();
    this.#renderer.dispose();
    this.#renderer.forceContextLoss();
  }

  #place(pose: Pose): void {
    this.#pose = pose;
    const { eye, target, distance, radius } = frame(this.#box, pose, this.#camera.aspect);
    this.#camera.position.copy(eye);
    this.#camera.near = distance / 100;
    this.#camera.far = distance * 20;
    this.#camera.updateProjectionMatrix();
    this.#controls.minDistance = radius * 0.3;
    this.#controls.maxDistance = distance * 5;
    this.#controls.target.copy(target);
    this.#controls.update();
    this.draw();
  }

  #render(): void {
    this.#renderer.render(this.#scene, this.#camera);
    this.#onLabels(this.#gridShown && this.#model ? this.#labels() : []);
  }

  #labels(): Label[] {
    const { clientWidth, clientHeight } = this.#renderer.domElement;
    return edgesOf(this.#box, this.#camera.position, MM_PER_UNIT).map((edge) => {
      const at = new Vector3(...edge.at).project(this.#camera);
      return { ...edge, xPx: ((at.x + 1) / 2) * clientWidth, yPx: ((1 - at.y) / 2) * clientHeight };
    });
  }

  #restore(): void {
    for (const [mesh, material] of this.#materials) mesh.material = material;
  }
}
