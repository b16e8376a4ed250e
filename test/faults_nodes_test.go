package test

// faultsNodes are sown into what one node at a time does, and into what a node has for all.
var faultsNodes = []fault{
	{"nodes", "cmd/sealpost/reports_nodes.go", "range parts {", "range parts[:min(1, len(parts))] {", "./cmd/sealpost", "^TestReportsOfManyNodes$", ""},
	{"nodes", "cmd/sealpost/reports_nodes.go", "r.values.PutUnder(context.WithoutCancel(ctx), r.by, sentName, text)", "r.values.Put(context.WithoutCancel(ctx), sentName, text)", "./cmd/sealpost", "^TestReportsOfManyNodes$", ""},
	{"nodes", "cmd/sealpost/expiry.go", "x.values.PutUnder(context.WithoutCancel(ctx), by, expiryName, text)", "x.values.Put(context.WithoutCancel(ctx), expiryName, text)", "./cmd/sealpost", "^TestKeyNoticesOfManyNodes$", ""},
	{"nodes", "cmd/sealpost/hours.go", "return hoursRow + \" \" + h.node", "return hoursRow", "./cmd/sealpost", "^TestHoursOfManyNodes$", ""},
	{"C08", "account/signin/passkey.go", "s.Passkeys[i].Count > seen.Authenticator.SignCount || !s.spend(challenge, d.Now())", "s.Passkeys[i].Count > seen.Authenticator.SignCount", "./webmail/api", "^TestSignInAcrossNodes$", ""},
	{"C08", "account/signin/ask.go", "func(r *request) { r.Over, r.Sealed = true, nil }); err != nil {", "func(*request) {}); err != nil {", "./webmail/api", "^TestSignInAcrossNodes$", ""},
	{"D14", "account/signin/ask.go", "if errors.Is(err, ErrNone) { // for a stranger's address, or others came after it\n", "if errors.Is(err, ErrNone) {\n\t\treturn nil, ErrNotFound\n", "./webmail/api", "^TestStrangersWaitAcrossNodes$", ""},
	{"D14", "account/signin/ask.go", "subtle.ConstantTimeCompare(right, secret[16:]) == 1 && age", "len(right) == 16 && age", "./webmail/api", "^TestStrangersWaitAcrossNodes$", ""},
	{"nodes", "account/signin/join.go", "d.Now().Sub(k.Created) < joinTime", "false", "./webmail/api", "^TestTidyLeavesWhoJoins$", ""},
	{"C08", "account/signin/passkey.go", "return bytes.Equal(one.Hash, sum[:16])", "return false && bytes.Equal(one.Hash, sum[:16])", "./webmail/api", "^TestPasskeySignatureServesOnce$", ""},
	{"D16", "cmd/sealpost/proxyproto/listener.go", "|| !p.from.Have(c.RemoteAddr()):", ":", "./cmd/sealpost/proxyproto", "^TestListener$", ""},
	{"D16", "cmd/sealpost/proxyproto/header.go", "if command == cmdLocal {", "if false {", "./cmd/sealpost/proxyproto", "^TestRead$", ""},
	{"D16", "cmd/sealpost/proxyproto/header.go", "!= want {", "!= want && false {", "./cmd/sealpost/proxyproto", "^TestReadRefuses$", ""},
	{"D15", "cmd/sealpost/run.go", "if door.role != \"\" { //", "if door.role == config.RoleMX { //", "./cmd/sealpost", "^TestDoorsBehindBalancers$", ""},
	{"nodes", "cmd/sealpost/drain.go", "\tcase draining:\n\t\treturn errDraining\n", "", "./cmd/sealpost", "^TestDrain$", ""},
	{"nodes", "cmd/sealpost/run.go", "if door.role != \"\" && !c.Cluster.Has(door.role) {", "if door.role == \"-\" {", "./cmd/sealpost", "^TestRoles$", ""},
	{"nodes", "cmd/sealpost/housekeeping.go", "\tif e.cluster != nil {\n\t\treturn sweepGraceNode\n\t}\n", "", "./cmd/sealpost", "^TestSweepLeavesWhatOtherNodesPut$", ""},
	{"nodes", "mailstore/stamp_notes.go", "case !bytes.Equal(was, c.Was):", "case c.Box != NoteImports && !bytes.Equal(was, c.Was):", "./move", "^TestImportsFenced$", ""},
	{"nodes", "move/imports_run.go", "n.State.Done += int64(len(arrived))\n\t\tn.arrived(r.journal.pack())", "n.State.Done += int64(len(arrived))", "./move", "^TestImportsGoOnElsewhere$", ""},
}
