package carry

import (
	"slices"

	"sealpost/filestore"
)

// How records point at blobs.

type mapping = func(filestore.Ref) (filestore.ID, error)

func (r Message) remap(to mapping) (_ Record, err error) {
	r.Mail.Letters = slices.Clone(r.Mail.Letters)
	for i := range r.Mail.Letters {
		l := &r.Mail.Letters[i]
		if l.ID, err = to(l.Ref); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// A share does not say how long its blob is; the messages that point at it do.
func (r Share) remap(to mapping) (_ Record, err error) {
	r.Blob, err = to(filestore.Ref{ID: r.Blob, Size: -1})
	return r, err
}

func (r Box) remap(to mapping) (_ Record, err error) {
	if !r.Gone {
		r.Blob.ID, err = to(r.Blob)
	}
	return r, err
}

func (r Part) remap(to mapping) (_ Record, err error) {
	r.Blob.ID, err = to(r.Blob)
	return r, err
}

func (r Owner) remap(mapping) (Record, error)        { return r, nil }
func (r Mailbox) remap(mapping) (Record, error)      { return r, nil }
func (r Keyword) remap(mapping) (Record, error)      { return r, nil }
func (r Expunged) remap(mapping) (Record, error)     { return r, nil }
func (r Subscription) remap(mapping) (Record, error) { return r, nil }
func (r Note) remap(mapping) (Record, error)         { return r, nil }
func (r Shelf) remap(mapping) (Record, error)        { return r, nil }
func (r Totals) remap(mapping) (Record, error)       { return r, nil }
func (r Object) remap(mapping) (Record, error)       { return r, nil }
func (r Link) remap(mapping) (Record, error)         { return r, nil }
func (r Request) remap(mapping) (Record, error)      { return r, nil }
func (r Sealed) remap(mapping) (Record, error)       { return r, nil }
func (r SignIn) remap(mapping) (Record, error)       { return r, nil }
func (r Account) remap(mapping) (Record, error)      { return r, nil }
func (r Former) remap(mapping) (Record, error)       { return r, nil }
