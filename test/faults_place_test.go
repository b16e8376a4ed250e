package test

// faultsPlace are sown into where things are put, and into what databases and providers see.
var faultsPlace = []fault{
	{"place", "mailstore/store.go", "filestore.PutFor(ctx, s.Blobs, string(o), sources...)", "s.Blobs.Put(ctx, sources...)", "./test", "^TestPlacementOfAccounts$", ""},
	{"place", "filestore/drive/room.go", "filestore.PutFor(ctx, d.Blobs, string(by.Owner), in)\n	if in.err != nil {\n		return o, in.err", "d.Blobs.Put(ctx, in)\n	if in.err != nil {\n		return o, in.err", "./test", "^TestPlacementOfAccounts$", ""},
	{"place", "filestore/placement/placement.go", "ok && k.lists == lists &&", "ok &&", "./filestore/placement", "^TestPutFor$", ""},
	{"place", "filestore/placement/placement.go", "if err != nil {\n\t\treturn \"\", fmt.Errorf(\"find", "if err != nil && owner == \"\" {\n\t\treturn \"\", fmt.Errorf(\"find", "./filestore/placement", "^TestPutFor$", ""},
}
