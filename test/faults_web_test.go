package test

// faultsWeb are sown into what serves the webmail: its API, its boxes and its files.
var faultsWeb = []fault{
	{"A01", "pgp/keyring/box.go", "if err != nil || subtle.ConstantTimeCompare(commit, box[1+boxSalt:boxHead]) != 1 {", "if _ = subtle.ConstantTimeCompare(commit, box[1+boxSalt:boxHead]); err != nil {", "./pgp/keyring", "^TestBoxCommitsToItsKey$", ""},
	{"A02", "pgp/keyring/passphrase.go", "k.Memory < floor.Memory || ", "", "./pgp/keyring", "^TestWeakDerivationIsRefused$", ""},
	{"A02", "account/signin/signin.go", "k.Memory < 64<<10", "k.Memory < 8", "./webmail/api", "^TestJoinIsChecked$", ""},
	{"A03", "pgp/keyring/box.go", "if c.Version < 1 || c.Version > newest {", "if c.Version < 1 {", "./pgp/keyring", "^TestContainersThatWereTouchedStayClosed$", ""},
	{"B10", "pgp/letter.go", "return err == nil && mine && keys == 1", "return err == nil && (mine || !mine)", "./pgp", "^TestParseLetter$", ""},
	{"C03", "webmail/ui/policy.go", "sandbox allow-same-origin allow", "sandbox allow-scripts allow-same-origin allow", "./webmail/ui", "^TestPolicies$", ""},
	{"C06", "webmail/api/proxy.go", "r.URL.Scheme != \"https\" || r.URL.User", "r.URL.User", "./webmail/api", "^TestPicturesReachNoPrivateAddress$", ""},
	{"C07", "webmail/ui/verify.go", "base64.RawURLEncoding.EncodeToString(sum[:]) != m.Files[at]", "len(base64.RawURLEncoding.EncodeToString(sum[:])) != len(m.Files[at])", "./webmail/ui", "^TestVerifyFindsOneByte$", ""},
	{"C08", "account/signin/totp.go", "&& s > t.Last", "", "./webmail/api", "^TestCodes$", ""},
	{"C08", "account/signin/passkey.go", "seen.Authenticator.CloneWarning || !d.spent.spend(challenge)", "seen.Authenticator.CloneWarning", "./webmail/api", "^TestPasskeySignatureServesOnce$", ""},
	{"C08", "webmail/api/guard.go", "case \"cross-site\", \"same-site\":", "case \"x\":", "./webmail/api", "^TestForeignPages$", ""},
	{"C08", "webmail/api/events.go", "ok = l.alive() && l.say(\": \\n\\n\")", "ok = l.say(\": \\n\\n\")", "./webmail/api", "^TestEventsEndWithTheSession$", ""},
	{"D12", "account/signin/ask.go", "r.id == which && r.account == id && id != \"\"", "r.id == which", "./webmail/api", "^TestIDsOfOthers$", ""},
	{"D12", "webmail/api/route.go", "o.access == forOperator && !c.Operator", "false", "./webmail/api", "^TestOperators$", ""},
	{"D12", "webmail/api/admin_queue.go", "Domain: r.Address.Domain", "Domain: r.Address.String()", "./webmail/api", "^TestAdminTellsNothing$", ""},
	{"D12", "account/password.go", "scope == \"\" || slices.Contains(p.AllScopes(), scope)", "true", "./account", "^TestScopes$", ""},
	{"D12", "storage/bolt/cabinet.go", "key := placeKey(s.num, p)", "key := placeKey(1, p)", "./storage/bolt", "^TestCabinet$", ""},
	{"D12", "smtp/submission/outbox/hold.go", "case m.Account != account || account == \"\":", "case m.Account == \"-\":", "./smtp/submission/outbox", "^TestAnothersMailIsNotThere$", ""},
	{"F01", "webmail/api/adding.go", "	defer whole.Close()\n", "	defer whole.Close()\n	if f, err := os.CreateTemp(a.Sending.Spool, \"leak\"); err == nil {\n		defer func() { io.Copy(f, io.NewSectionReader(whole, 0, whole.Size())); f.Close() }()\n	}\n", "./webmail/api", "^TestF01NothingReadableOnDisk$", "os"},
	{"F01", "mailstore/cabinet/room.go", "case !Shaped(box):", "case false:", "./mailstore/cabinet", "^TestPutRefused$", ""},
	{"F01", "smtp/submission/outbox/hold.go", "if o.Encrypted && !closed {", "if false {", "./smtp/submission/outbox", "^TestReadableIsNotTakenForEncrypted$", ""},
	{"F01", "smtp/inbound/rules/act.go", "return fmt.Errorf(\"find key: %w\", err)", "found.Cert = nil", "./smtp/inbound", "^TestForwardsEncryptedOnly$", ""},
}
