/** The API's objects under short names. */
import type { components } from './schema';

type Schemas = components['schemas'];

export type Job = Schemas['JobOut'];
export type JobSummary = Schemas['JobSummary'];
export type JobDelta = Schemas['JobDelta'];
export type JobList = Schemas['JobList'];
export type ListedJob = Schemas['ListedJob'];
export type JobPatch = Partial<Schemas['JobPatch']>;
export type JobStateName = JobSummary['state'];
export type Counts = Schemas['Counts'];
export type Item = Schemas['ItemOut'];
export type ItemState = Item['state'];
export type PictureView = Schemas['PictureView'];
export type ResultFile = Schemas['FileOut'];
export type Generator = Schemas['GeneratorOut'];
export type Limits = Schemas['LimitsOut'];
export type Account = Schemas['AccountOut'];
export type Session = Schemas['SessionOut'];
export type ApiKey = Schemas['KeyOut'];
export type NewApiKey = Schemas['KeyMade'];
export type ScopeName = ApiKey['scopes'][number];
export type Overview = Schemas['OverviewOut'];
export type OwnerNow = Schemas['OwnerOut'];
export type Purge = Schemas['PurgeOut'];
export type AuditEntry = Schemas['AuditEntryOut'];
export type AuditList = Schemas['AuditList'];
export type Forgotten = Schemas['ForgottenOut'];
export type Price = Schemas['PriceOut'];
export type KeepPolicy = JobSummary['keep'];
export type SheetRow = Schemas['SheetRowOut'];
export type Sheet = Schemas['SheetOut'];
export type Resolution = Schemas['ResolveIn']['resolution'];
export type ViewName = Schemas['PictureView']['view'];

/** What a new job is to be; what is left out is as the server has it. */
export type DraftTerms = Pick<Schemas['DraftIn'], 'generator' | 'options' | 'keep' | 'budget_usd'>;

/** What a new API key may do. */
export type KeyTerms = Pick<Schemas['KeyIn'], 'name' | 'scopes' | 'expires_at'> & {
  limits: Partial<Schemas['KeyLimitsIn']>;
};

/** The options of a generator by name. */
export type Options = Record<string, unknown>;

/** How well a model matches its photo. */
export type Fidelity = Schemas['FidelityOut'];

/** What an inspection says of a model. */
export type ModelReport = Schemas['InspectionOut'];

/** What it says of printing the model. */
export type PrintReport = Schemas['PrintOut'];
