using System.Buffers.Binary;

namespace VhostSwitch.Ports.NetPcap.Capture;

/// <summary>The bytes of a capture file in the order it was written in. Nothing beyond its end is ever read.</summary>
/// <param name="name">The file's name, for messages.</param>
/// <param name="data">Its bytes; must stay where they are.</param>
/// <param name="length">How many there are.</param>
public sealed unsafe class CaptureBytes(string name, byte* data, ulong length)
{
    /// <summary>The number of bytes.</summary>
    public ulong Length => length;

    /// <summary>True where numbers have their highest byte first.</summary>
    public bool BigEndian { get; set; }

    /// <summary>A number of 2 bytes.</summary>
    /// <param name="at">Where it lies.</param>
    /// <exception cref="PortException">The file ends before.</exception>
    public ushort U16(ulong at) =>
        BigEndian ? BinaryPrimitives.ReadUInt16BigEndian(Span(at, 2)) : BinaryPrimitives.ReadUInt16LittleEndian(Span(at, 2));

    /// <summary>A number of 4 bytes.</summary>
    /// <param name="at">Where it lies.</param>
    /// <exception cref="PortException">The file ends before.</exception>
    public uint U32(ulong at) =>
        BigEndian ? BinaryPrimitives.ReadUInt32BigEndian(Span(at, 4)) : BinaryPrimitives.ReadUInt32LittleEndian(Span(at, 4));

    /// <summary>A number of 8 bytes.</summary>
    /// <param name="at">Where it lies.</param>
    /// <exception cref="PortException">The file ends before.</exception>
    public ulong U64(ulong at) =>
        BigEndian ? BinaryPrimitives.ReadUInt64BigEndian(Span(at, 8)) : BinaryPrimitives.ReadUInt64LittleEndian(Span(at, 8));

    /// <summary>A byte.</summary>
    /// <param name="at">Where it lies.</param>
    /// <exception cref="PortException">The file ends before.</exception>
    public byte U8(ulong at) => Span(at, 1)[0];

    /// <summary>Some bytes as they are.</summary>
    /// <param name="at">Where they lie.</param>
    /// <param name="count">How many.</param>
    /// <exception cref="PortException">The file ends before.</exception>
    public ReadOnlySpan<byte> Span(ulong at, int count) =>
        at <= length && length - at >= (uint)count
            ? new ReadOnlySpan<byte>(data + at, count)
            : throw Broken(at, $"the file ends after {length} bytes");

    /// <summary>The exception for a file that is not as its format demands.</summary>
    /// <param name="at">Where.</param>
    /// <param name="what">What is wrong.</param>
    public PortException Broken(ulong at, string what) => new($"{name} is broken at byte {at}: {what}");

    /// <summary>The exception for a file that is not taken.</summary>
    /// <param name="what">What it is, and what to do.</param>
    public PortException Refused(string what) => new($"{name} {what}");
}
