"""How answers look: text for terminals and pipes. A face draws what an answer holds and decides nothing."""
