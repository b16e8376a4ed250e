// The types of api.ts are written for people, those of generated.ts come from the server's
// own. Each line fails to compile where the two say different things; nothing here runs.

import type * as api from "./api.ts";
import type * as made from "./generated.ts";

// What we write is more exact than what the server says it reads, or the other way round.
type Fits<A, B> = [A] extends [B] ? true : false;
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
type Must<T extends true> = T;

export type Agreed = {
  AccessRequest: Must<Same<api.AccessRequest, made.AccessRequest>>;
  AccountChange: Must<Same<api.AccountChange, made.AccountChange>>;
  AccountSettings: Must<Same<api.AccountSettings, made.AccountSettings>>;
  Account: Must<Same<api.Account, made.Account>>;
  Action: Must<Fits<api.Action, made.Action>>;
  AddedMails: Must<Same<api.AddedMails, made.AddedMails>>;
  AdminAccount: Must<Same<api.AdminAccount, made.AdminAccount>>;
  AdminDomain: Must<Same<api.AdminDomain, made.AdminDomain>>;
  AdminHours: Must<Same<api.AdminHours, made.AdminHours>>;
  AdminInvitation: Must<Same<api.AdminInvitation, made.AdminInvitation>>;
  AdminOverview: Must<Same<api.AdminOverview, made.AdminOverview>>;
  AdminQueueItem: Must<Same<api.AdminQueueItem, made.AdminQueueItem>>;
  AdminReport: Must<Same<api.AdminReport, made.AdminReport>>;
  AdminTraffic: Must<Same<api.AdminTraffic, made.AdminTraffic>>;
  AppPasswordUse: Must<Same<api.AppPasswordUse, made.AppPasswordUse>>;
  AppPassword: Must<Same<api.AppPassword, made.AppPassword>>;
  Appended: Must<Same<api.Appended, made.Appended>>;
  CabinetItem: Must<Same<api.CabinetItem, made.CabinetItem>>;
  CabinetList: Must<Fits<made.CabinetList, api.CabinetList>>;
  Change: Must<Fits<api.Change, made.Change>>;
  ChangeEvent: Must<Same<api.ChangeEvent, made.ChangeEvent>>;
  Condition: Must<Fits<api.Condition, made.Condition>>;
  Entries: Must<Same<api.Entries, made.Entries>>;
  Granted: Must<Same<api.Granted, made.Granted>>;
  Import: Must<Same<api.Import, made.Import>>;
  Invitation: Must<Same<api.Invitation, made.Invitation>>;
  Join: Must<Same<api.Join, made.Join>>;
  Kdf: Must<Same<api.Kdf, made.Kdf>>;
  Keyring: Must<Same<api.Keyring, made.Keyring>>;
  Mailbox: Must<Same<api.Mailbox, made.Mailbox>>;
  Mailboxes: Must<Same<api.Mailboxes, made.Mailboxes>>;
  Message: Must<Same<api.Message, made.Message>>;
  NewContainer: Must<Same<api.NewContainer, made.NewContainer>>;
  NewImport: Must<Same<api.NewImport, made.NewImport>>;
  NewKey: Must<Same<api.NewKey, made.NewKey>>;
  NewKit: Must<Same<api.NewKit, made.NewKit>>;
  NewPasskey: Must<Same<api.NewPasskey, made.NewPasskey>>;
  NewPassphrase: Must<Same<api.NewPassphrase, made.NewPassphrase>>;
  NewProof: Must<Same<api.NewProof, made.NewProof>>;
  NewTotp: Must<Same<api.NewTotp, made.NewTotp>>;
  OutboxItem: Must<Same<api.OutboxItem, made.OutboxItem>>;
  PasskeyLine: Must<Same<api.PasskeyLine, made.PasskeyLine>>;
  Problem: Must<Same<api.Problem, made.Problem>>;
  Proof: Must<Same<api.Proof, made.Proof>>;
  PushKey: Must<Same<api.PushKey, made.PushKey>>;
  Recipient: Must<Same<api.Recipient, made.Recipient>>;
  ResealMail: Must<Same<api.ResealMail, made.ResealMail>>;
  Resealed: Must<Same<api.Resealed, made.Resealed>>;
  Rule: Must<Fits<api.Rule, made.Rule>>;
  SecondFactors: Must<Same<api.SecondFactors, made.SecondFactors>>;
  Server: Must<Same<api.Server, made.Server>>;
  Session: Must<Same<api.Session, made.Session>>;
  SessionLine: Must<Same<api.SessionLine, made.SessionLine>>;
  SignIn: Must<Same<api.SignIn, made.SignIn>>;
  SignInLine: Must<Same<api.SignInLine, made.SignInLine>>;
  SignInParameters: Must<Same<api.SignInParameters, made.SignInParameters>>;
  Usage: Must<Same<api.Usage, made.Usage>>;
  Vacation: Must<Same<api.Vacation, made.Vacation>>;
  WaitingRequest: Must<Same<api.WaitingRequest, made.WaitingRequest>>;
};
