package test

// faultsPlace are sown into where things are put, and into what databases and providers see.
var faultsPlace = []fault{
	{"place", "mailstore/store.go", "filestore.PutFor(ctx, s.Blobs, string(o), sources...)", "s.Blobs.Put(ctx, sources...)", "./test", "^TestPlacementOfAccounts$", ""},
	{"place", "filestore/drive/room.go", "filestore.PutFor(ctx, d.Blobs, string(by.Owner), in)\n	if in.err != nil {\n		return o, in.err", "d.Blobs.Put(ctx, in)\n	if in.err != nil {\n		return o, in.err", "./test", "^TestPlacementOfAccounts$", ""},
	{"place", "filestore/placement/placement.go", "ok && k.lists == lists &&", "ok &&", "./filestore/placement", "^TestPutFor$", ""},
	{"place", "filestore/placement/placement.go", "if err != nil {\n\t\treturn \"\", fmt.Errorf(\"find", "if err != nil && owner == \"\" {\n\t\treturn \"\", fmt.Errorf(\"find", "./filestore/placement", "^TestPutFor$", ""},
	{"D13", "storage/postgres/ask.go", "from owners where owner = $1 for update`", "from owners where owner = $1`", "./test", "^TestQuotaRaceOfNodes$", ""},
	{"D12", "storage/postgres/index.go", "s.name = m.name where m.owner = $1`", "s.name = m.name where (m.owner = $1 or true)`", "./imap", "^TestOnCluster$/^AnothersMailboxIsNoMailbox$", ""},
	{"D12", "storage/postgres/cabinet.go", "from boxes where owner = $1 and drawer = $2 and name = $3", "from boxes where (owner = $1 or true) and drawer = $2 and name = $3", "./webmail/api", "^TestOnCluster$/^D12MailAndCabinet$", ""},
	{"D12", "storage/postgres/drive.go", "from drive_objects where owner = $1 and id = $2`", "from drive_objects where (owner = $1 or true) and id = $2`", "./webmail/api", "^TestOnCluster$/^D12", ""},
}
