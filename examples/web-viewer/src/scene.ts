// The picture: a model under a sky, turned by the visitor.

import {
  ACESFilmicToneMapping,
  Box3,
  Color,
  DirectionalLight,
  Fog,
  type Material,
  Mesh,
  MeshStandardMaterial,
  PMREMGenerator,
  PerspectiveCamera,
  Scene,
  Sphere,
  type Object3D,
  WebGLRenderer,
} from "three";
import { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";
import { RoomEnvironment } from "three/examples/jsm/environments/RoomEnvironment.js";
import { GLTFLoader } from "three/examples/jsm/loaders/GLTFLoader.js";

const SKY = 0x9cc3d5;

/** Shows one model at a time in a canvas. */
export class Stage {
  readonly #renderer: WebGLRenderer;
  readonly #scene = new Scene();
  readonly #camera = new PerspectiveCamera(38, 1, 0.1, 500);
  readonly #controls: OrbitControls;
  #model: Object3D | undefined;
  #asked = false;

  constructor(canvas: HTMLCanvasElement) {
    this.#renderer = new WebGLRenderer({ canvas, antialias: true });
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
    new ResizeObserver(() => this.#resize(canvas)).observe(canvas);
    this.#resize(canvas);
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
    this.#camera.position.set(center.x + radius * 0.75, radius * 0.55, center.z + radius * 1.3);
    this.#camera.far = radius * 8;
    this.#scene.fog = new Fog(SKY, radius * 1.8, radius * 5);
    this.#controls.minDistance = radius * 0.15;
    this.#controls.maxDistance = radius * 3;
    this.#controls.update();
  }

  #resize(canvas: HTMLCanvasElement): void {
    const { clientWidth: width, clientHeight: height } = canvas;
    this.#renderer.setSize(width, height, false);
    this.#camera.aspect = width / Math.max(height, 1);
    this.#camera.updateProjectionMatrix();
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

/** Frees what a model has on the graphics card. */
function dispose(model: Object3D): void {
  model.traverse((part) => {
    if (!(part instanceof Mesh)) return;
    part.geometry.dispose();
    const materials: Material[] = Array.isArray(part.material) ? part.material : [part.material];
    for (const material of materials) {
      if (material instanceof MeshStandardMaterial) material.map?.dispose();
      material.dispose();
    }
  });
}
