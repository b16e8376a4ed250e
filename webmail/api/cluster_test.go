package api

import (
	"sync/atomic"
	"testing"

	"sealpost/test/remotes"
)

// cluster is what worlds within TestOnCluster stand on.
var cluster atomic.Pointer[remotes.Cluster]

// ATTACKS D12 once more, over PostgreSQL and S3.
func TestOnCluster(t *testing.T) {
	cluster.Store(remotes.Start(t, "../.."))
	for name, attack := range map[string]func(*testing.T){
		"D12MailAndCabinet":          TestD12MailAndCabinet,
		"D12Files":                   TestD12Files,
		"D12EveryFileOperation":      TestD12EveryFileOperation,
		"D12IDsOfOthersAsMine":       TestD12IDsOfOthersAsMine,
		"D12FilesNeedARight":         TestD12FilesNeedARight,
		"ResealOfOthers":             TestResealOfOthers,
		"IDsOfOthers":                TestIDsOfOthers,
		"AliasesOfOthers":            TestAliasesOfOthers,
		"AddressesOutliveAccounts":   TestAddressesOutliveAccounts,
		"AppPasswordsOpenTheirDoors": TestAppPasswordsOpenOnlyTheirDoors,
		"Operators":                  TestOperators,
	} {
		t.Run(name, attack)
	}
}
