/** Where the camera stands so that a model fills the stage; pure functions. */
import { type Box3, Vector3 } from 'three';

export const FIELD_OF_VIEW_DEG = 32;
/** A model's corners are seldom filled: this much nearer than what its box would need. */
const NEARER = 0.92;

/** From where a model is looked at, in radians. */
export interface Pose {
  /** To the right of its front. */
  azimuth: number;
  /** Above its middle. */
  elevation: number;
}

/** A little from the right and from above, as people hold things. */
export const START: Pose = { azimuth: 0.42, elevation: 0.2 };

export interface Framing {
  target: Vector3;
  eye: Vector3;
  /** From the eye to the target. */
  distance: number;
  /** Of the ball around the model. */
  radius: number;
}

/** Frames what is in *box* for a stage that is *aspect* times as wide as high. */
export function frame(box: Box3, pose: Pose, aspect: number): Framing {
  const target = box.getCenter(new Vector3());
  const radius = Math.max(box.getSize(new Vector3()).length() / 2, 1e-6);
  const half = (FIELD_OF_VIEW_DEG * Math.PI) / 360;
  const narrow = Math.atan(Math.tan(half) * Math.min(aspect, 1));
  const distance = (radius / Math.sin(narrow)) * NEARER;
  const flat = Math.cos(pose.elevation) * distance;
  const eye = new Vector3(
    Math.sin(pose.azimuth) * flat,
    Math.sin(pose.elevation) * distance,
    Math.cos(pose.azimuth) * flat,
  ).add(target);
  return { target, eye, distance, radius };
}
