/** The API's objects under short names. */
import type { components } from './schema';

type Schemas = components['schemas'];

export type Job = Schemas['JobOut'];
export type JobSummary = Schemas['JobSummary'];
export type JobDelta = Schemas['JobDelta'];
export type JobList = Schemas['JobList'];
export type JobPatch = Partial<Schemas['JobPatch']>;
export type JobStateName = JobSummary['state'];
export type Counts = Schemas['Counts'];
export type Item = Schemas['ItemOut'];
export type ItemState = Item['state'];
export type ResultFile = Schemas['FileOut'];
export type Generator = Schemas['GeneratorOut'];
export type Limits = Schemas['LimitsOut'];
export type Account = Schemas['AccountOut'];
export type SheetRow = Schemas['SheetRowOut'];
export type Resolution = Schemas['ResolveIn']['resolution'];
export type ViewName = Schemas['PictureView']['view'];

/** The options of a generator by name. */
export type Options = Record<string, unknown>;

/** How well a model matches its photo. */
export type Fidelity = Schemas['FidelityOut'];

/** What an inspection says of printing a model. */
export interface PrintReport {
  verdict: 'ready' | 'repairable' | 'not';
  /** One plain sentence each, without a stop. */
  reasons: string[];
}

/** What an inspection says of a model, as far as the page shows it. */
export interface ModelReport {
  faces: number;
  vertices: number;
  size_mm: [number, number, number];
  print: PrintReport;
}
