package storagetest

import (
	"crypto/rand"
	"time"

	"sealpost/filestore/drive"
)

// What this server makes of mail: links lead to what was sent before its owner took it
// over, and neither goes while somebody has a use for it.
func testMade(f *fixture) {
	make := func(b drive.Begin, head string) drive.Object {
		b.ID, b.Size = drive.NewID(), 100
		x := f.apply(alice, b).Object
		f.apply(alice, drive.Put{Object: x.ID, Request: b.Request, Part: newPart(x, 0)})
		return f.apply(alice, drive.Complete{Object: x.ID, Request: b.Request, Head: []byte(head)}).Object
	}
	sent := make(drive.Begin{Request: drive.Outgoing}, "head")
	if sent.Request != drive.Outgoing || string(sent.Head) != "head" {
		f.t.Errorf("%+v", sent)
	}
	link := drive.Link{ID: drive.NewID(), Object: sent.ID, Box: []byte("box"), Expires: f.now().Add(time.Hour)}
	f.apply(alice, drive.AddLink{Link: link})
	f.refuse(drive.ErrNone, alice, drive.Remove{Object: sent.ID, Unused: true})
	f.apply(alice, drive.RemoveLink{ID: link.ID})

	var mail drive.MailID
	rand.Read(mail[:])
	cut := make(drive.Begin{Mail: mail}, "")
	got, err := f.Object(f.t.Context(), alice, cut.ID)
	if err != nil || got.Mail != mail || got.Request != (drive.ID{}) {
		f.t.Errorf("%+v, %v", got, err)
	}
	brought, err := f.Objects(f.t.Context(), alice, drive.ID{}, 10, true)
	if err != nil || len(brought) != 1 || brought[0].ID != sent.ID {
		f.t.Errorf("brought: %+v, %v", brought, err)
	}
	other := make(drive.Begin{Mail: mail}, "")
	own := make(drive.Begin{}, "")
	f.apply(alice, drive.Take{Object: other.ID})
	f.refuse(drive.ErrNone, alice, drive.Remove{Object: other.ID, Unused: true})
	taken, refused := make(drive.Begin{Request: drive.Outgoing}, "h"), make(drive.Begin{Request: drive.Outgoing}, "h")
	f.apply(alice, drive.Take{Object: taken.ID})
	f.refuse(drive.ErrNone, alice, drive.Remove{Object: taken.ID, Brought: true}) // a folder leads there by now
	f.apply(alice, drive.Remove{Object: taken.ID})
	f.apply(alice, drive.Remove{Object: refused.ID, Brought: true})
	f.refuse(drive.ErrNone, alice, drive.Remove{Object: own.ID, Unused: true})
	f.apply(alice, drive.Remove{Object: cut.ID, Unused: true})
	f.apply(alice, drive.Remove{Object: sent.ID, Unused: true})
}
