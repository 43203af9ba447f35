using System.Runtime.InteropServices;

namespace VhostSwitch.Virtio;

/// <summary>
/// The header before every frame in a virtio network queue (VIRTIO 1.2, 5.1.6), 12 bytes. Legacy drivers without mergeable
/// buffers use its first 10 bytes. Little-endian, as this project runs on little-endian machines only.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public struct NetHeader
{
    /// <summary>The length in bytes with <see cref="Features.Version1"/> or <see cref="Features.MrgRxbuf"/>.</summary>
    public const int Size = 12;

    /// <summary>The length in bytes for legacy drivers without mergeable buffers: no <see cref="NumBuffers"/>.</summary>
    public const int LegacySize = 10;

    /// <summary><see cref="Flags"/>: the checksum at <see cref="CsumStart"/> + <see cref="CsumOffset"/> is still to be finished.</summary>
    public const byte NeedsCsum = 1;

    /// <summary><see cref="Flags"/>: the checksum was found right.</summary>
    public const byte DataValid = 2;

    /// <summary><see cref="GsoType"/>: an ordinary frame.</summary>
    public const byte GsoNone = 0;

    /// <summary><see cref="GsoType"/>: a large TCP segment over IPv4.</summary>
    public const byte GsoTcpV4 = 1;

    /// <summary><see cref="GsoType"/>: a large UDP datagram.</summary>
    public const byte GsoUdp = 3;

    /// <summary><see cref="GsoType"/>: a large TCP segment over IPv6.</summary>
    public const byte GsoTcpV6 = 4;

    /// <summary>Or-ed to <see cref="GsoType"/>: the segment has the congestion bit.</summary>
    public const byte GsoEcn = 0x80;

    /// <summary><see cref="NeedsCsum"/> and <see cref="DataValid"/>.</summary>
    public byte Flags;

    /// <summary>What kind of large segment follows.</summary>
    public byte GsoType;

    /// <summary>Length in bytes of the protocol headers of a large segment; a hint.</summary>
    public ushort HdrLen;

    /// <summary>Payload bytes of each segment to be cut.</summary>
    public ushort GsoSize;

    /// <summary>Where the checksum begins, in bytes from the start of the frame.</summary>
    public ushort CsumStart;

    /// <summary>Where the checksum is stored, in bytes from <see cref="CsumStart"/>.</summary>
    public ushort CsumOffset;

    /// <summary>Received frames: how many buffers the frame spans.</summary>
    public ushort NumBuffers;

    /// <summary>The header's length for a device that negotiated these features.</summary>
    /// <param name="features">The negotiated features.</param>
    /// <returns><see cref="Size"/> or <see cref="LegacySize"/>, in bytes.</returns>
    public static int LengthFor(Features features) =>
        (features & (Features.Version1 | Features.MrgRxbuf | Features.RingPacked)) != 0 ? Size : LegacySize;
}
