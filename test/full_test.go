package test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"sealpost/filestore/drive"
	"sealpost/filestore/storagetest"
	"sealpost/webmail/api/client"
)

// smallDisk is a folder on a file system of its own, which has room for little.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		skip(t, "a small file system cannot be mounted here: "+err.Error())
	}
	t.Cleanup(func() {
		if err := exec.Command("umount", "-l", dir).Run(); err != nil {
			t.Errorf("umount: %v", err)
		}
	})
	return dir
}

// A full disk is a temporary error to the sender, loses nothing that was
// acknowledged, and mends itself when there is room again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t, "24m")
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

// patient is a device that waits for a busy machine: what it hears counts here.
func (h *haul) patient() *client.Client {
	c := h.device()
	c.Patience = time.Minute
	return c
}

// A disk that fills up while a file is brought is a temporary error to who brings it. What
// came before stands, nothing is a file that is not whole, and once there is room again the
// upload goes on with what is missing.
func TestFullDiskTakesNoHalfFile(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t, "48m")
	h := newHaul(t, 5*time.Minute, inDir(dir+"/demo"))
	b := storagetest.Content(1, 2*drive.PartSize+500)
	sum := sha256.Sum256(b)
	h.tried[sum] = true
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		t.Fatal(err)
	}
	ballast := int64(disk.Bavail)*disk.Bsize - drive.PartSize - 5<<20 // room for one part
	do(t, nil, "dd", "if=/dev/zero", "of="+dir+"/ballast", "bs=1M", fmt.Sprint("count=", ballast>>20), "status=none")
	c, begun := h.patient(), ""
	up := client.Upload{
		Octets: bytes.NewReader(b), Size: int64(len(b)), Lanes: 1, Wait: func(int) time.Duration { return 0 },
		Began: func(id string) { begun = id },
	}
	_, err := c.Upload(h.ctx, up)
	var told *client.Problem
	if !errors.As(err, &told) || told.Status != 503 || told.Word() != "try-again" {
		t.Fatalf("a full disk is answered %v", err)
	}
	for _, restart := range []bool{false, true} {
		if restart {
			h.stop(t)
			h.start(t)
			c = h.patient()
		}
		f, err := c.File(h.ctx, begun)
		if err != nil || f.Complete || f.Have != "0" {
			t.Fatalf("there is %+v, %v", f, err)
		}
		if _, err := io.ReadFull(io.NewSectionReader(c.Content(h.ctx, f), 0, 1), make([]byte, 1)); !errors.As(err, &told) || told.Status != 404 {
			t.Errorf("half a file is read: %v", err)
		}
		if l, err := c.MakeLink(h.ctx, client.NewFileLink{File: begun, Box: []byte("box")}); err == nil {
			t.Errorf("link %s leads to half a file", l.ID)
		}
		h.check(t)
	}
	do(t, nil, "rm", dir+"/ballast")
	sent := 0
	up.ID, up.Sent = begun, func(int, int) { sent++ }
	if f, err := c.Upload(h.ctx, up); err != nil || f.ID != begun || sent != 2 {
		t.Fatalf("with room again: %+v, %v; %d parts were sent", f, err, sent)
	}
	h.whole[begun] = sum
	h.check(t)
	h.stop(t)
	h.orphans(t)
}
