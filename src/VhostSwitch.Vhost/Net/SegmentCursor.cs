using System.Runtime.CompilerServices;
using VhostSwitch.Dataplane;

namespace VhostSwitch.Vhost.Net;

/// <summary>A place in a list of segments, to read from or write to piece by piece.</summary>
internal unsafe ref struct SegmentCursor
{
    private readonly Segment* _segments;
    private readonly int _count;
    private int _at;
    private uint _offset;

    internal SegmentCursor(Segment* segments, int count)
    {
        _segments = segments;
        _count = count;
    }

    /// <summary>The bytes that follow each other here; 0 at the end.</summary>
    internal uint Contiguous
    {
        get
        {
            while (_at < _count && _offset == _segments[_at].Length)
            {
                _at++;
                _offset = 0;
            }
            return _at < _count ? _segments[_at].Length - _offset : 0;
        }
    }

    /// <summary>Which segment this is; exact after <see cref="Contiguous"/> was asked.</summary>
    internal readonly int Index => _at;

    /// <summary>The address here; only where <see cref="Contiguous"/> is not 0.</summary>
    internal readonly byte* Address => _segments[_at].Data + _offset;

    /// <summary>Goes on, within what is contiguous.</summary>
    internal void Advance(uint bytes) => _offset += bytes;

    /// <summary>Goes on over segments. The caller has checked that there are so many bytes.</summary>
    internal void Skip(uint bytes)
    {
        while (bytes > 0)
        {
            uint step = Math.Min(bytes, Contiguous);
            Advance(step);
            bytes -= step;
        }
    }

    /// <summary>Copies out of the segments. The caller has checked that there are so many bytes.</summary>
    internal void Read(byte* into, uint length)
    {
        while (length > 0)
        {
            uint step = Math.Min(length, Contiguous);
            Unsafe.CopyBlockUnaligned(into, Address, step);
            Advance(step);
            into += step;
            length -= step;
        }
    }

    /// <summary>Copies into the segments. The caller has checked that there is so much room.</summary>
    internal void Write(byte* from, uint length)
    {
        while (length > 0)
        {
            uint step = Math.Min(length, Contiguous);
            Unsafe.CopyBlockUnaligned(Address, from, step);
            Advance(step);
            from += step;
            length -= step;
        }
    }
}
