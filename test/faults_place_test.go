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
	{"place", "cmd/sealpost/engines_cluster.go", "texts: placement.Blobs{Ruled: c.blobs.Space(q.space), Finder: c.places},", "texts: c.blobs.Space(q.space),", "./cmd/sealpost", "^TestAccountsLieWhereTheirRuleSays$", ""},
	{"F01", "storage/postgres/known.go", "kind, key, x.key.Seal(purpose, string(key), plain))", "kind, key, plain)", "./test", "^TestF01OverCluster$", ""},
	{"F01", "storage/postgres/known.go", "	n := x.key.Pseudonym(purpose, value)\n	return n[:]\n", "	return []byte(purpose + value)\n", "./test", "^TestF01OverCluster$", ""},
	{"F01", "smtp/outbound/queue/put.go", "copyText(sealed, s.content), sealed", "copyText(c, s.content), sealed", "./test", "^TestF01OverCluster$", ""},
	{"F01", "storage/s3/place.go", "p.results <- placed{e, e.put(ctx, key, body)}", "e.core.StatObject(ctx, e.Bucket, r.name, minio.StatObjectOptions{})\n		p.results <- placed{e, e.put(ctx, key, body)}", "./test", "^TestF01OverCluster$", "github.com/minio/minio-go/v7"},
	{"F05", "smtp/inbound/transaction.go", "t.h.Log.Info(\"mail stored\", ", "t.h.Log.Info(\"mail stored\", \"subject\", a.gist.Subject, ", "./test", "^TestF01OverCluster$", ""},
}
