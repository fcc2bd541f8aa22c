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
