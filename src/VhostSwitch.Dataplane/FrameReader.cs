using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using VhostSwitch.Packets;

namespace VhostSwitch.Dataplane;

/// <summary>
/// Reads a frame on loan from its first byte to its last, each byte of the sender's memory once: the first ones into memory of the switch, where
/// they can be decided on, then everything in order, those first ones from the copy.
/// </summary>
internal unsafe struct FrameReader
{
    private byte* _data;
    private uint _left;
    private Segment _behindHead;
    private Segment* _next;
    private int _more;

    /// <summary>Begins with a frame.</summary>
    /// <param name="burst">The loan it is from.</param>
    /// <param name="frame">The frame.</param>
    /// <param name="head">Receives its first bytes; must stay as long as the frame is read.</param>
    /// <param name="room">The most of them; not less than a snapshot.</param>
    /// <returns>How many they are: less than <paramref name="room"/> only where the frame is shorter.</returns>
    internal uint Start(Burst burst, Frame* frame, byte* head, uint room)
    {
        _data = frame->Data;
        _left = frame->DataLength;
        _behindHead = default;
        _next = burst.Segments + frame->FirstSegment;
        _more = frame->MoreSegments;
        uint length = Math.Min(frame->Length, room), known = Math.Min(length, Ethernet.SnapshotLength);
        var snapshot = frame->Snapshot;
        Unsafe.CopyBlockUnaligned(head, &snapshot, known);
        for (uint skip = known; skip > 0 && Contiguous(skip) is var step and > 0; skip -= step)
            Advance(step);
        Copy(head + known, length - known);
        _behindHead = new Segment { Data = _data, Length = _left };
        _data = head;
        _left = length;
        return length;
    }

    /// <summary>Goes on within the first bytes.</summary>
    /// <param name="length">How many bytes to leave out.</param>
    internal void SkipHead(uint length) => Advance(length);

    /// <summary>Copies the next bytes.</summary>
    /// <param name="to">Where to.</param>
    /// <param name="length">How many; the caller has checked that the frame has them.</param>
    internal void Copy(byte* to, uint length)
    {
        for (uint step; length > 0 && (step = Contiguous(length)) > 0; length -= step, to += step)
        {
            Unsafe.CopyBlockUnaligned(to, _data, step);
            Advance(step);
        }
    }

    /// <summary>Copies the next bytes and adds them to a checksum.</summary>
    /// <param name="to">Where to.</param>
    /// <param name="length">How many; the caller has checked that the frame has them.</param>
    /// <param name="sum">The checksum.</param>
    internal void Copy(byte* to, uint length, ref InternetChecksum sum)
    {
        for (uint step; length > 0 && (step = Contiguous(length)) > 0; length -= step, to += step)
        {
            sum.AddCopy(to, _data, step);
            Advance(step);
        }
    }

    /// <summary>Adds the next bytes to a checksum.</summary>
    /// <param name="length">How many; the caller has checked that the frame has them.</param>
    /// <param name="sum">The checksum.</param>
    internal void Sum(uint length, ref InternetChecksum sum)
    {
        for (uint step; length > 0 && (step = Contiguous(length)) > 0; length -= step)
        {
            sum.Add(_data, step);
            Advance(step);
        }
    }

    /// <summary>Lists where the next bytes lie.</summary>
    /// <param name="into">Receives the pieces.</param>
    /// <param name="room">How many fit.</param>
    /// <param name="length">How many bytes; the caller has checked that the frame has them.</param>
    /// <returns>How many pieces there are; -1 where they do not fit.</returns>
    internal int Pieces(Segment* into, int room, uint length)
    {
        int count = 0;
        for (uint step; length > 0 && (step = Contiguous(length)) > 0; length -= step)
        {
            if (count == room) return -1;
            into[count++] = new Segment { Data = _data, Length = step };
            Advance(step);
        }
        return count;
    }

    // How many of so many bytes follow each other here; 0 at the end.
    private uint Contiguous(uint most)
    {
        while (_left == 0)
        {
            Segment next;
            if (_behindHead.Length != 0)
            {
                next = _behindHead;
                _behindHead = default;
            }
            else
            {
                if (_more == 0) return 0;
                _more--;
                next = *_next++;
            }
            _data = next.Data;
            _left = next.Length;
        }
        return Math.Min(most, _left);
    }

    private void Advance(uint bytes)
    {
        _data += bytes;
        _left -= bytes;
    }
}
