package imap_test

import (
	"sync/atomic"
	"testing"

	"sealpost/test/remotes"
)

// cluster is what houses within TestOnCluster stand on.
var cluster atomic.Pointer[remotes.Cluster]

// ATTACKS D12 and D13 once more, over PostgreSQL and S3.
func TestOnCluster(t *testing.T) {
	cluster.Store(remotes.Start(t, ".."))
	for name, attack := range map[string]func(*testing.T){
		"AnothersMailboxIsNoMailbox": TestAnothersMailboxIsNoMailbox,
		"NobodySeesAnothersMail":     TestNobodySeesAnothersMail,
		"RecentIsOfOneAccount":       TestRecentIsOfOneAccount,
		"RecentIsOfOneSession":       TestRecentIsOfOneSession,
		"AppendsAtTheEdge":           TestAppendsAtTheEdge,
		"ManyClientsAgree":           TestManyClientsAgree,
	} {
		t.Run(name, attack)
	}
}
