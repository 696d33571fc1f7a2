//! Events that travel together.

use std::sync::OnceLock;

use bytes::{Bytes, BytesMut};

use super::{Generation, Packet};

/// Consecutive events for the same sockets, joined so that one write to a socket carries all of them.
#[derive(Debug)]
pub struct Run {
    packets: Vec<Packet>,
    /// They can be joined: none has attachments.
    joins: bool,
    numbers: Option<(u64, u64)>,
    /// For each generation, from when the first socket of it wants them.
    frames: [OnceLock<Bytes>; 2],
}

impl Run {
    /// Joins packets, in this order.
    pub fn new(packets: Vec<Packet>) -> Self {
        let joins = packets.iter().all(|packet| packet.attachments().is_empty());
        let numbers = packets.iter().filter_map(Packet::number);
        let ends = numbers.clone().next().zip(numbers.clone().next_back());
        let numbers = ends.filter(|_| numbers.is_sorted());
        Self { packets, joins, numbers, frames: [OnceLock::new(), OnceLock::new()] }
    }

    /// The events.
    pub fn packets(&self) -> &[Packet] {
        &self.packets
    }

    /// The numbers of the first and the last that has one, if they ascend.
    pub fn numbers(&self) -> Option<(u64, u64)> {
        self.numbers
    }

    /// Their websocket frames as a client of this generation gets them, one behind the other; none when they cannot be joined.
    #[inline]
    pub fn frames(&self, generation: Generation) -> Option<&Bytes> {
        let frames = &self.frames[usize::from(generation == Generation::V4)];
        self.joins.then(|| frames.get_or_init(|| self.join(generation)))
    }

    #[cold]
    fn join(&self, generation: Generation) -> Bytes {
        if let [only] = &self.packets[..] {
            return only.frame_for(generation).clone();
        }
        let frames = || self.packets.iter().map(|packet| packet.frame_for(generation));
        let mut joined = BytesMut::with_capacity(frames().map(Bytes::len).sum());
        frames().for_each(|frame| joined.extend_from_slice(frame));
        joined.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_stand_one_behind_the_other() {
        let run = Run::new(vec![Packet::new("a", &[]), Packet::new("b", &[])]);
        for generation in [Generation::V3, Generation::V4] {
            assert_eq!(&run.frames(generation).unwrap()[..], b"\x81\x0742[\"a\"]\x81\x0742[\"b\"]");
        }
        assert_eq!((run.packets().len(), run.numbers()), (2, None));
        let numbered = |number| run.packets()[0].numbered(crate::recovery::Epoch::fresh().offset(number));
        let one = numbered(1);
        let run_of_one = Run::new(vec![one.clone()]);
        assert_eq!(run_of_one.frames(Generation::V3), Some(run.packets()[0].frame()));
        assert_eq!(run_of_one.frames(Generation::V4), Some(one.numbered_frame()));
        let ends = |numbers: &[u64]| Run::new(numbers.iter().map(|number| numbered(*number)).collect()).numbers();
        assert_eq!((ends(&[3]), ends(&[3, 4, 9]), ends(&[4, 3])), (Some((3, 3)), Some((3, 9)), None));
        let attached = Packet::with_attachments("c", &[], vec![Bytes::from_static(b"x")]);
        assert!(Run::new(vec![attached]).frames(Generation::V4).is_none());
    }
}
