package postgres

import (
	"context"
	"testing"
	"time"

	"sealpost/mailstore"
	"sealpost/storage/postgres/pgtest"
)

// While the synchronous standby is away nothing is acknowledged, although the server stops waiting for it
// when a node gives up, and has what it was sent: if that server were lost now, the mail were lost.
func TestStandbyAway(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t)
	standby, err := cluster.Standby(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer standby.Remove()
	d := openWith(t, parse(t, cluster.URL("postgres")), Options{Patience: 3 * time.Second})
	defer d.Close()
	inbox, _ := begin(t, d, "o")
	standby.Kill()
	began := time.Now()
	if _, err := d.Index().Apply(context.Background(), "o", appends(inbox, 1)); err == nil || mailstore.Refused(err) {
		t.Errorf("what the standby does not have is acknowledged, or refused for good: %v", err)
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("it took %v", took)
	}
	if err := standby.Start(); err != nil {
		t.Fatal(err)
	}
	patient := openWith(t, parse(t, cluster.URL("postgres")), Options{})
	defer patient.Close()
	uid := apply(t, patient, "o", appends(inbox, 1)...)[0].UIDs[0]
	if boxes, err := patient.Index().Mailboxes(t.Context(), "o"); err != nil || boxes[0].Messages != uint32(uid) || uid > 2 {
		t.Errorf("%d messages, the last one has UID %d, %v", boxes[0].Messages, uid, err)
	}
}
