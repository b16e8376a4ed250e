package smtp

// Connections is how many there are now.
func (s *Server) Connections() int {
	s.once.Do(s.build)
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.guards)
}
