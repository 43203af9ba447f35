using System.Buffers.Binary;

namespace VhostSwitch.Dataplane.Tests;

/// <summary>A frame as a receiver takes it apart, and as a sender puts it together: in plain code of its own, to compare with.</summary>
internal sealed record WireFrame
{
    public const int TcpHeader = 20, TcpOptions = 12, UdpHeader = 8;

    public const byte Fin = 1, Syn = 2, Push = 8, Acknowledge = 16, CongestionReduced = 0x80;

    public bool IsIPv6 { get; init; }

    public bool IsUdp { get; init; }

    public int Tags { get; init; }

    public bool HasOptions { get; init; }

    public ushort Port { get; init; } = 1000;

    public ushort Id { get; init; } = 0xfffe;

    public byte Time { get; init; } = 64;

    public uint Sequence { get; init; } = 0xffff_ff00;

    public uint Acknowledgement { get; init; } = 5;

    public byte Flags { get; init; } = Acknowledge;

    public ushort Window { get; init; } = 500;

    public uint Stamp { get; init; } = 77;

    public byte[] Payload { get; init; } = [];

    public int Network => 14 + (4 * Tags);

    public int Transport => Network + (IsIPv6 ? 40 : 20);

    public int Headers => Transport + (IsUdp ? UdpHeader : TcpHeader + (HasOptions ? TcpOptions : 0));

    /// <summary>The frame with its checksums; with that of the transport left to be finished where it is said so.</summary>
    public byte[] ToBytes(bool unfinished = false)
    {
        byte[] bytes = new byte[Headers + Payload.Length];
        bytes[0] = bytes[6] = 2;
        bytes[5] = 2;
        bytes[11] = 1;
        for (int i = 0; i < Tags; i++)
            Put(bytes, 12 + (4 * i), (0x8100u << 16) | (uint)(100 + i), 4);
        Put(bytes, Network - 2, IsIPv6 ? 0x86dd : 0x0800u, 2);
        int transportLength = bytes.Length - Transport;
        if (IsIPv6)
        {
            Put(bytes, Network, 0x60212345, 4);
            Put(bytes, Network + 4, (uint)transportLength, 2);
            bytes[Network + 6] = IsUdp ? (byte)17 : (byte)6;
            bytes[Network + 7] = Time;
            bytes[Network + 8] = bytes[Network + 24] = 0xfd;
            bytes[Network + 23] = 1;
            bytes[Network + 39] = 2;
        }
        else
        {
            Put(bytes, Network, 0x4502, 2);
            Put(bytes, Network + 2, (uint)(20 + transportLength), 2);
            Put(bytes, Network + 4, Id, 2);
            bytes[Network + 8] = Time;
            bytes[Network + 9] = IsUdp ? (byte)17 : (byte)6;
            Put(bytes, Network + 12, 0x0a090001, 4);
            Put(bytes, Network + 16, 0x0a090002, 4);
            Put(bytes, Network + 10, (ushort)~Sum(bytes.AsSpan(Network, 20)), 2);
        }
        Put(bytes, Transport, Port, 2);
        Put(bytes, Transport + 2, 2000, 2);
        if (IsUdp) Put(bytes, Transport + 4, (uint)transportLength, 2);
        else
        {
            Put(bytes, Transport + 4, Sequence, 4);
            Put(bytes, Transport + 8, Acknowledgement, 4);
            bytes[Transport + 12] = (byte)((Headers - Transport) / 4 << 4);
            bytes[Transport + 13] = Flags;
            Put(bytes, Transport + 14, Window, 2);
            if (HasOptions)
            {
                Put(bytes, Transport + 20, 0x0101080a, 4);
                Put(bytes, Transport + 24, Stamp, 4);
            }
        }
        Payload.CopyTo(bytes, Headers);
        ushort pseudo = Pseudo(bytes, Network, IsIPv6, IsUdp ? 17u : 6u, transportLength);
        ushort value = unfinished ? pseudo : (ushort)~Add(pseudo, Sum(bytes.AsSpan(Transport)));
        Put(bytes, Transport + (IsUdp ? 6 : 16), value == 0 && IsUdp ? 0xffff : (uint)value, 2);
        return bytes;
    }

    /// <summary>The offload fields of this frame, as Linux writes them.</summary>
    public OffloadFields Fields(byte gsoType = 0, int gsoSize = 0) => new()
    {
        Flags = OffloadFields.NeedsCsum,
        GsoType = gsoType,
        GsoSize = (ushort)gsoSize,
        HdrLen = gsoType == 0 ? (ushort)0 : (ushort)Headers,
        CsumStart = (ushort)Transport,
        CsumOffset = IsUdp ? (ushort)6 : (ushort)16,
    };

    /// <summary>The kind of large segment that is cut into frames like this.</summary>
    public byte GsoType => IsUdp ? OffloadFields.GsoUdpL4 : IsIPv6 ? OffloadFields.GsoTcpV6 : OffloadFields.GsoTcpV4;

    /// <summary>True where every checksum of a frame is right, and every length what there is. Fragments have none of a transport.</summary>
    public static bool IsSound(byte[] bytes)
    {
        int network = 14;
        while (network < 22 && bytes[network - 2] is 0x81 or 0x88)
            network += 4;
        bool v6 = bytes[network] >> 4 == 6;
        int header = v6 ? 40 : (bytes[network] & 0xf) * 4;
        int length = Number(bytes, network + (v6 ? 4 : 2)) + (v6 ? 40 : 0);
        if (length > bytes.Length - network || (length < bytes.Length - network && bytes.Length > 60)) return false;
        if (!v6 && Sum(bytes.AsSpan(network, header)) != 0xffff) return false;
        byte protocol = bytes[network + (v6 ? 6 : 9)];
        while (v6 && protocol is 0 or 60)
        {
            protocol = bytes[network + header];
            header += (bytes[network + header + 1] + 1) * 8;
        }
        if ((v6 && protocol == 44) || (!v6 && (Number(bytes, network + 6) & 0x3fff) != 0)) return true;
        if (protocol == 17 && Number(bytes, network + header + 4) != length - header) return false;
        ushort pseudo = Pseudo(bytes, network, v6, protocol, length - header);
        return Add(pseudo, Sum(bytes.AsSpan(network + header, length - header))) == 0xffff;
    }

    public static ushort Number(byte[] bytes, int at) => BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(at));

    public static uint SequenceOf(byte[] bytes, int transport) => BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(transport + 4));

    public static ushort Sum(ReadOnlySpan<byte> bytes)
    {
        ushort sum = 0;
        for (int i = 0; i < bytes.Length; i += 2)
            sum = Add(sum, (ushort)((bytes[i] << 8) | (i + 1 < bytes.Length ? bytes[i + 1] : 0)));
        return sum;
    }

    private static ushort Pseudo(byte[] bytes, int network, bool v6, uint protocol, int length) =>
        Add(Sum(bytes.AsSpan(network + (v6 ? 8 : 12), v6 ? 32 : 8)), Add((ushort)protocol, (ushort)length));

    private static ushort Add(ushort a, ushort b) => (ushort)(a + b > 0xffff ? a + b - 0xffff : a + b);

    private static void Put(byte[] bytes, int at, uint value, int count)
    {
        for (int i = 0; i < count; i++)
            bytes[at + i] = (byte)(value >> (8 * (count - 1 - i)));
    }
}
