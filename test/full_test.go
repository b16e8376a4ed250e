package test

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A full disk is a temporary error to the sender, loses nothing that was
// acknowledged, and mends itself when there is room again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=24m"); err != nil {
		skip(t, "a small file system cannot be mounted here: "+err.Error())
	}
	t.Cleanup(func() {
		if err := exec.Command("umount", "-l", dir).Run(); err != nil {
			t.Errorf("umount: %v", err)
		}
	})
	d := startDemo(t, inDir(dir+"/demo"))
	ballast := dir + "/ballast"
	do(t, nil, "dd", "if=/dev/zero", "of="+ballast, "bs=1M", "count=8", "status=none")
	var acked [][]byte
	body := strings.Repeat("a line of text that fills the disk in time\r\n", 6000)
	refused := 0
	for i := 0; i < 200 && refused < 5; i++ {
		mail := fmt.Appendf(nil, "From: eve@example.org\r\nSubject: n%d\r\n\r\n%s", i, body)
		s := newSender(t, d.SMTP)
		if err := s.envelope("eve@example.org", d.alice().Address); err != nil {
			if !strings.Contains(err.Error(), "got 4") {
				t.Fatalf("a full disk is answered %v", err)
			}
			refused++
			continue
		}
		code, reply, err := s.data(mail)
		switch {
		case err != nil:
			t.Fatal(err)
		case code == 250:
			acked = append(acked, mail)
		case code/100 != 4:
			t.Fatalf("a full disk is answered %s", reply)
		default:
			refused++
		}
	}
	if refused == 0 || len(acked) == 0 {
		t.Fatalf("%d mails taken, %d refused: the disk did not fill up", len(acked), refused)
	}
	do(t, nil, "rm", ballast)
	mail := []byte("From: eve@example.org\r\nSubject: room again\r\n\r\nhello\r\n")
	deadline := time.Now().Add(20 * time.Second)
	for {
		if err := newSender(t, d.SMTP).send("eve@example.org", d.alice().Address, mail); err == nil {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("with room again mail is still refused: %v", err)
		}
		time.Sleep(200 * time.Millisecond)
	}
	acked = append(acked, mail)
	keys := clientKeys(t, d.alice())
	for _, how := range []string{"running", "after a restart"} {
		i := 0
		err := fetchAll(d.login(t, d.alice()), "INBOX", func(m served) error {
			back, err := restore(keys, m.mail)
			if err == nil && !bytes.Equal(back, acked[i]) {
				err = fmt.Errorf("is not what was acknowledged")
			}
			i++
			return err
		})
		if err != nil || i != len(acked) {
			t.Fatalf("%s: %d of %d acknowledged mails are there, %v", how, i, len(acked), err)
		}
		d.stop(t)
		d.start(t)
	}
	t.Logf("%d mails taken, %d refused for want of room", len(acked), refused)
}
