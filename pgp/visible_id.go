package pgp

// VisibleID is how a Message-ID, with its brackets, stands in the visible header
// of a mail sealed at a level, so that a mail can be found again by who cannot
// open it. Empty: there it is not shown.
func VisibleID(id string, level Level, pseudonym []byte) string {
	if !isMessageID(id) {
		return ""
	}
	return viewer{level: level, key: pseudonym}.id(id)
}

// id is a message id as a level shows it.
func (v viewer) id(id string) string {
	if v.level != Minimal {
		return id
	}
	return "<" + v.pseudonym("id", id) + "@" + nobody + ">"
}
