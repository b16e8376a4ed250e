package imap

import (
	"sealpost/imap/wire"
)

// state is what a connection is in (RFC 9051, section 3).
type state uint8

const (
	stranger state = 1 << iota // not signed in
	signedIn
	selected // signed in, with a mailbox selected

	inside   = signedIn | selected
	anywhere = stranger | inside
)

// command says what is done where. A command has a file of its own, named as
// it is; its row stands here, and what it adds to CAPABILITY in capability.go.
type command struct {
	states state
	do     func(*session, *request) error

	uid     bool // there is a UID form; request.UID tells which it is
	whole   bool // and the other form names no messages
	shows   bool // what it did to the mailbox is told by the look behind it
	numbers bool // its answers speak of message numbers: they stay as they are until its end (RFC 9051, section 7.5.1)
}

// commands is all that can be said.
var commands = map[string]command{
	"CAPABILITY":   {states: anywhere, do: (*session).capability},
	"NOOP":         {states: anywhere, do: (*session).noop},
	"ID":           {states: anywhere, do: (*session).id},
	"LOGOUT":       {states: anywhere, do: (*session).logout},
	"STARTTLS":     {states: stranger, do: (*session).startTLS},
	"LOGIN":        {states: stranger, do: (*session).login},
	"AUTHENTICATE": {states: stranger, do: (*session).authenticate},

	"ENABLE":      {states: inside, do: (*session).enable},
	"NAMESPACE":   {states: inside, do: (*session).namespace},
	"LIST":        {states: inside, do: (*session).list},
	"LSUB":        {states: inside, do: (*session).lsub},
	"STATUS":      {states: inside, do: (*session).status},
	"CREATE":      {states: inside, do: (*session).create},
	"DELETE":      {states: inside, do: (*session).remove},
	"RENAME":      {states: inside, do: (*session).rename},
	"SUBSCRIBE":   {states: inside, do: (*session).subscribe},
	"UNSUBSCRIBE": {states: inside, do: (*session).unsubscribe},
	"SELECT":      {states: inside, do: (*session).selectBox},
	"EXAMINE":     {states: inside, do: (*session).examine},
	"APPEND":      {states: inside, do: (*session).append},
	"IDLE":        {states: inside, do: (*session).idle},
	"NOTIFY":      {states: inside, do: (*session).notify},

	"GETQUOTA":     {states: inside, do: (*session).getQuota},
	"GETQUOTAROOT": {states: inside, do: (*session).getQuotaRoot},
	"SETQUOTA":     {states: inside, do: (*session).setQuota},
	"GETMETADATA":  {states: inside, do: (*session).getMetadata},
	"SETMETADATA":  {states: inside, do: (*session).setMetadata},
	"MYRIGHTS":     {states: inside, do: (*session).myRights},

	"CHECK":        {states: selected, do: (*session).noop},
	"CLOSE":        {states: selected, do: (*session).close},
	"UNSELECT":     {states: selected, do: (*session).unselect},
	"FETCH":        {states: selected, do: (*session).fetch, uid: true, numbers: true},
	"STORE":        {states: selected, do: (*session).store, uid: true, numbers: true},
	"SEARCH":       {states: selected, do: (*session).search, uid: true, numbers: true},
	"REPLACE":      {states: selected, do: (*session).replace, uid: true, shows: true},
	"SORT":         {states: selected, do: (*session).sort, uid: true, numbers: true},
	"CANCELUPDATE": {states: selected, do: (*session).cancelUpdate},
	"THREAD":       {states: selected, do: (*session).thread, uid: true, numbers: true},
	"COPY":         {states: selected, do: (*session).copy, uid: true},
	"MOVE":         {states: selected, do: (*session).move, uid: true, shows: true},
	"EXPUNGE":      {states: selected, do: (*session).expunge, uid: true, whole: true, shows: true},

	"UIDBATCHES": {states: selected, do: (*session).uidBatches},
}

// request is one command under way. What its handler returns is answered: an
// error as NO or BAD, nil as OK with code and, before it, what is new.
type request struct {
	wire.Command
	code     string // of the tagged OK, without its brackets
	quiet    bool   // what is new is not told at its end
	counted  bool   // the UID form names messages by number all the same: numbers stay
	went     bool   // messages went from the mailbox: the tagged OK says where it stands
	answered bool   // the handler has said all itself
}

// name is the command as its answer names it.
func (r *request) name() string {
	if r.UID {
		return "UID " + r.Name
	}
	return r.Name
}
