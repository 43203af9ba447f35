using System.Runtime.InteropServices;
using VhostSwitch.Dataplane;

namespace VhostSwitch.Ports;

/// <summary>A frame in a <see cref="FrameRing"/>; its bytes follow.</summary>
[StructLayout(LayoutKind.Sequential, Size = 32)]
internal unsafe struct FrameRecord
{
    /// <summary><see cref="Stored"/> of what is no frame: the next record lies at the start of the memory.</summary>
    public const uint Gap = uint.MaxValue;

    /// <summary>How many of the frame's bytes follow.</summary>
    public uint Stored;

    /// <summary>Length of the frame in bytes.</summary>
    public uint Length;

    /// <summary>When it was sent, in nanoseconds since 1970 (UTC); 0 where nobody asks.</summary>
    public long TimestampNs;

    /// <summary>What is left to be done to the frame.</summary>
    public OffloadFields Offload;

    /// <summary>The bytes of a frame.</summary>
    /// <param name="record">Its record, where it lies in the ring.</param>
    public static byte* Data(FrameRecord* record) => (byte*)(record + 1);
}
