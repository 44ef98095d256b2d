// The picture: a model under a sky, turned by the visitor.

import {
  ACESFilmicToneMapping,
  Box3,
  Color,
  DirectionalLight,
  Fog,
  type Material,
  Mesh,
  PMREMGenerator,
  PerspectiveCamera,
  Scene,
  Sphere,
  type Object3D,
  Texture,
  WebGLRenderer,
} from "three";
import { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";
import { RoomEnvironment } from "three/examples/jsm/environments/RoomEnvironment.js";
import { GLTFLoader } from "three/examples/jsm/loaders/GLTFLoader.js";

import { PageError } from "./errors.js";

const SKY = 0x9cc3d5;

/** Shows one model at a time in a canvas. */
export class Stage {
  readonly #renderer: WebGLRenderer;
  readonly #scene = new Scene();
  readonly #camera = new PerspectiveCamera(38, 1, 0.1, 500);
  readonly #controls: OrbitControls;
  readonly #canvas: HTMLCanvasElement;
  readonly #panel: HTMLElement;
  #model: Object3D | undefined;
  #asked = false;

  /** The panel lies on the canvas; the model is shown beside or above it. */
  constructor(canvas: HTMLCanvasElement, panel: HTMLElement) {
    this.#canvas = canvas;
    this.#panel = panel;
    this.#renderer = renderer(canvas);
    this.#renderer.toneMapping = ACESFilmicToneMapping;
    this.#renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
    this.#scene.background = new Color(SKY);
    const light = new PMREMGenerator(this.#renderer);
    this.#scene.environment = light.fromScene(new RoomEnvironment(), 0.04).texture;
    this.#scene.environmentIntensity = 0.55;
    light.dispose();
    const sun = new DirectionalLight(0xfff0d8, 2.2);
    sun.position.set(20, 30, 12);
    this.#scene.add(sun);
    this.#controls = new OrbitControls(this.#camera, canvas);
    this.#controls.maxPolarAngle = Math.PI * 0.48;
    this.#controls.listenToKeyEvents(canvas);
    this.#controls.addEventListener("change", () => this.#draw());
    const observer = new ResizeObserver(() => this.#resize());
    observer.observe(canvas);
    observer.observe(panel);
    this.#resize();
  }

  /** Shows the model in these bytes instead of the one before. The first one decides where the camera is. */
  async show(glb: Uint8Array<ArrayBuffer>): Promise<void> {
    const { byteOffset, byteLength, buffer } = glb;
    const whole = byteOffset === 0 && byteLength === buffer.byteLength;
    const gltf = await new GLTFLoader().parseAsync(whole ? buffer : glb.slice().buffer, "");
    const old = this.#model;
    this.#model = gltf.scene;
    this.#scene.add(gltf.scene);
    if (old === undefined) this.#frame(gltf.scene);
    else {
      this.#scene.remove(old);
      dispose(old);
    }
    this.#draw();
  }

  /** Places the camera so that the model is seen from the side, a little from above. */
  #frame(model: Object3D): void {
    // The ground says how large the model is; the sea around it is much larger.
    const ground = model.getObjectByName("ground") ?? model;
    const { center, radius } = new Box3().setFromObject(ground).getBoundingSphere(new Sphere());
    this.#controls.target.copy(center).setY(1);
    // A narrow canvas needs more distance to have the whole model in it.
    const away = Math.max(1, 1.15 / this.#camera.aspect);
    this.#camera.position.set(center.x + radius * 0.75 * away, radius * 0.55 * away, center.z + radius * 1.3 * away);
    const distance = this.#camera.position.distanceTo(this.#controls.target);
    this.#camera.far = distance + radius * 7;
    this.#camera.updateProjectionMatrix();
    this.#scene.fog = new Fog(SKY, distance + radius * 0.2, distance + radius * 3.4);
    this.#controls.minDistance = radius * 0.15;
    this.#controls.maxDistance = distance + radius * 1.4;
    this.#controls.update();
  }

  #resize(): void {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    this.#renderer.setSize(width, height, false);
    this.#camera.aspect = width / Math.max(height, 1);
    // The middle of the picture goes to the middle of what the panel leaves free.
    const panel = this.#panel.getBoundingClientRect();
    const across = panel.width > width / 2;
    const [right, up] = across ? [0, (height - panel.top) / 2] : [panel.right / 2, 0];
    this.#camera.setViewOffset(width, height, -right, up, width, height);
    this.#draw();
  }

  /** Draws with the next frame; only what changed is worth a frame. */
  #draw(): void {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      this.#renderer.render(this.#scene, this.#camera);
    });
  }
}

/** What draws, if this browser can. */
function renderer(canvas: HTMLCanvasElement): WebGLRenderer {
  try {
    return new WebGLRenderer({ canvas, antialias: true });
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new PageError("This browser cannot show 3D graphics (WebGL 2).", detail, { cause });
  }
}

/** Frees what a model has on the graphics card. */
function dispose(model: Object3D): void {
  model.traverse((part) => {
    if (!(part instanceof Mesh)) return;
    part.geometry.dispose();
    const materials: Material[] = Array.isArray(part.material) ? part.material : [part.material];
    for (const material of materials) {
      for (const value of Object.values(material)) if (value instanceof Texture) value.dispose();
      material.dispose();
    }
  });
}
