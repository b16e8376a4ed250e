package imap

import (
	"mime"
	"strings"

	goimap "github.com/emersion/go-imap/v2"

	"sealpost/pgp"
)

// structure is BODYSTRUCTURE (RFC 9051, section 7.5.2), computed from how a
// mail is served.
func structure(m pgp.Served) goimap.BodyStructure {
	parts := m.Sections()
	if m.Form == pgp.FormInline {
		return leaf(parts[0])
	}
	whole := &goimap.BodyStructureMultiPart{Subtype: "encrypted", Extended: &goimap.BodyStructureMultiPartExt{}}
	if field, ok := visible(m.Outer).Get("Content-Type"); ok {
		if _, params, err := mime.ParseMediaType(field.Value()); err == nil {
			whole.Extended.Params = params
		}
	}
	for _, p := range parts {
		whole.Children = append(whole.Children, leaf(p))
	}
	return whole
}

func leaf(p pgp.Section) *goimap.BodyStructureSinglePart {
	part := &goimap.BodyStructureSinglePart{
		Type:        p.Type,
		Subtype:     p.Subtype,
		Params:      p.Params,
		Description: p.Description,
		Encoding:    p.Encoding,
		Size:        uint32(min(p.End-p.Start, 1<<32-1)),
		Extended:    &goimap.BodyStructureSinglePartExt{},
	}
	if strings.EqualFold(p.Type, "text") {
		part.Text = &goimap.BodyStructureText{NumLines: p.Lines}
	}
	if p.Disposition != "" {
		part.Extended.Disposition = &goimap.BodyStructureDisposition{Value: p.Disposition, Params: p.DispositionParams}
	}
	return part
}
