using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace VhostSwitch.Dataplane;

/// <summary>A run of bytes of a frame, in the memory of whoever sent it.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct Segment
{
    /// <summary>The first byte.</summary>
    public byte* Data;

    /// <summary>How many bytes follow each other there.</summary>
    public uint Length;
}

/// <summary>What is left to be done to a frame, as its sender's header says. The same fields as VIRTIO 1.2, 5.1.6, checked against the frame.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct OffloadFields
{
    /// <summary><see cref="Flags"/>: the checksum at <see cref="CsumStart"/> + <see cref="CsumOffset"/> is still to be finished.</summary>
    public const byte NeedsCsum = 1;

    /// <summary><see cref="GsoType"/>: an ordinary frame.</summary>
    public const byte GsoNone = 0;

    /// <summary><see cref="GsoType"/>: a large TCP segment over IPv4.</summary>
    public const byte GsoTcpV4 = 1;

    /// <summary><see cref="GsoType"/>: a large UDP datagram that becomes fragments.</summary>
    public const byte GsoUdp = 3;

    /// <summary><see cref="GsoType"/>: a large TCP segment over IPv6.</summary>
    public const byte GsoTcpV6 = 4;

    /// <summary><see cref="GsoType"/>: a large UDP payload that becomes datagrams.</summary>
    public const byte GsoUdpL4 = 5;

    /// <summary>Or-ed to <see cref="GsoType"/>: the segment has the congestion bit.</summary>
    public const byte GsoEcn = 0x80;

    /// <summary>Bit 0: a checksum is to be finished.</summary>
    public byte Flags;

    /// <summary>What kind of large segment this is; 0 for an ordinary frame.</summary>
    public byte GsoType;

    /// <summary>Length in bytes of all headers of a large segment.</summary>
    public ushort HdrLen;

    /// <summary>Payload bytes of each segment to be cut.</summary>
    public ushort GsoSize;

    /// <summary>Where the checksum begins, in bytes from the start of the frame.</summary>
    public ushort CsumStart;

    /// <summary>Where it is stored, in bytes from <see cref="CsumStart"/>.</summary>
    public ushort CsumOffset;
}

/// <summary>
/// A frame on loan: its bytes stay in the sender's memory, which the sender may change at any moment. What is decided on is
/// in <see cref="Snapshot"/>, read once; who sends the frame on writes the snapshot and copies only what follows it.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
public unsafe struct Frame
{
    /// <summary><see cref="Output"/>: not decided yet.</summary>
    public const ushort Undecided = 0xffff;

    /// <summary><see cref="Output"/>: to every port but the one it came from.</summary>
    public const ushort Flood = 0xfffe;

    /// <summary><see cref="Output"/>: as <see cref="Burst.Routes"/> says.</summary>
    public const ushort Routed = 0xfffd;

    /// <summary><see cref="Output"/>: dropped; the low byte is the <see cref="DropReason"/>.</summary>
    public const ushort Dropped = 0xff00;

    /// <summary>The first 16 bytes, with zeros behind a shorter frame.</summary>
    public Vector128<byte> Snapshot;

    /// <summary>The first segment. Its first 16 bytes are those of the snapshot: do not read them again.</summary>
    public byte* Data;

    /// <summary>Length of the first segment in bytes.</summary>
    public uint DataLength;

    /// <summary>Length of the frame in bytes, over all segments.</summary>
    public uint Length;

    /// <summary>How many segments follow the first.</summary>
    public ushort MoreSegments;

    /// <summary>Where they start in <see cref="Burst.Segments"/>.</summary>
    public ushort FirstSegment;

    /// <summary>A port's id, <see cref="Flood"/>, <see cref="Routed"/>, or <see cref="Dropped"/> with its reason.</summary>
    public ushort Output;

    /// <summary>What the input queue needs to take the frame back.</summary>
    public ushort Token;

    /// <summary>What is left to be done to the frame.</summary>
    public OffloadFields Offload;

    /// <summary>Set by an output that took the frame.</summary>
    public bool Delivered;

    /// <summary>Begins a frame of one segment that nothing is left to be done to and nothing was decided on. Its snapshot is yet to be read.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="data">Its bytes.</param>
    /// <param name="length">How many.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Begin(Frame* frame, byte* data, uint length)
    {
        // Fields that lie side by side by one store each.
        frame->Data = data;
        *(ulong*)&frame->DataLength = length | ((ulong)length << 32);
        *(ulong*)&frame->MoreSegments = (ulong)Undecided << 32;
        Vector128<byte>.Zero.Store((byte*)&frame->Offload);
    }

    /// <summary>0 where nothing is left to be done to the frame: two fields of <see cref="Offload"/>, flags and kind, by one load.</summary>
    /// <param name="frame">The frame.</param>
    internal static ushort WorkOn(Frame* frame) => *(ushort*)&frame->Offload;

    /// <summary>Decides that the frame goes nowhere.</summary>
    /// <param name="reason">Why.</param>
    public void Drop(DropReason reason) => Output = DroppedFor(reason);

    /// <summary>The <see cref="Output"/> of a frame that goes nowhere.</summary>
    /// <param name="reason">Why.</param>
    public static ushort DroppedFor(DropReason reason) => (ushort)(Dropped | (int)reason);
}
