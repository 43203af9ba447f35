using FsCheck;
using FsCheck.Fluent;

namespace VhostSwitch.Packets.Tests;

public sealed class PacketHeadersTests
{
    private static readonly byte[] Addresses = new byte[12];
    private static readonly byte[] Tcp = [0x03, 0xe8, 0x07, 0xd0, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10, 1, 2, 0, 0, 0, 0];
    private static readonly byte[] Tag = [0x81, 0x00, 0, 5], ServiceTag = [0x88, 0xa8, 0, 6];
    private static readonly byte[] Udp = [0x03, 0xe8, 0x07, 0xd0, 0, 12, 0, 0];

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void FindsTcpBehindTags(int tags)
    {
        var headers = Read(Link(0x0800, tags), IPv4(6, 20 + 5), Tcp, new byte[5]);
        int network = 14 + (4 * tags);
        Assert.Equal((PacketKind.Tcp, false, network, 45, network + 20, network + 40),
            (headers.Kind, headers.IsIPv6, headers.Network, headers.NetworkLength, headers.Transport, headers.Payload));
    }

    [Fact]
    public void DoesNotLookBehindAThirdTag() => Assert.Equal(PacketKind.Other, Read(Link(0x0800, 3), IPv4(6, 20), Tcp).Kind);

    [Fact]
    public void FindsUdpBehindOptions()
    {
        var headers = Read(Link(0x0800), IPv4(17, 12, options: 8), Udp, new byte[4]);
        Assert.Equal((PacketKind.Udp, 14 + 28, 14 + 36), (headers.Kind, headers.Transport, headers.Payload));
    }

    [Fact]
    public void FindsTcpBehindExtensionHeaders()
    {
        byte[] hopByHop = [60, 0, 0, 0, 0, 0, 0, 0], destination = [6, 1, .. new byte[14]];
        var headers = Read(Link(0x86dd), IPv6(0, 24 + 20), hopByHop, destination, Tcp);
        Assert.Equal((PacketKind.Tcp, true, 54 + 24, 54 + 8), (headers.Kind, headers.IsIPv6, headers.Transport, headers.ProtocolPlace));
    }

    [Theory]
    [InlineData(43)]
    [InlineData(44)]
    [InlineData(51)]
    [InlineData(47)]
    public void LeavesOtherHeadersOfIPv6Alone(byte protocol)
    {
        var headers = Read(Link(0x86dd), IPv6(protocol, 20), Tcp);
        Assert.Equal((PacketKind.Other, 54), (headers.Kind, headers.Transport));
    }

    [Theory]
    [InlineData(0x2000)]
    [InlineData(0x0001)]
    public void AFragmentHasNoTransport(ushort place) => Assert.Equal(PacketKind.Other, Read(Link(0x0800), IPv4(6, 20, fragment: place), Tcp).Kind);

    [Fact]
    public void KnowsLengthsThatWereLeftOpen()
    {
        byte[] network = IPv4(6, 20);
        network[2] = network[3] = 0;
        Assert.Equal((PacketKind.Tcp, 0), (Read(Link(0x0800), network, Tcp).Kind, Read(Link(0x0800), network, Tcp).NetworkLength));
    }

    [Theory]
    [InlineData(14, 0x55)]
    [InlineData(14, 0x44)]
    [InlineData(14, 0x4f)]
    [InlineData(17, 41)]
    [InlineData(17, 19)]
    [InlineData(17, 39)]
    [InlineData(46, 0x40)]
    [InlineData(46, 0x60)]
    public void RefusesIPv4ThatContradictsItself(int place, byte value)
    {
        byte[] frame = [.. Link(0x0800), .. IPv4(6, 20), .. Tcp];
        frame[place] = value;
        Assert.Equal(PacketKind.Malformed, PacketHeaders.Read(frame, (uint)frame.Length).Kind);
    }

    [Theory]
    [InlineData(14, 0x40)]
    [InlineData(19, 21)]
    [InlineData(19, 19)]
    public void RefusesIPv6ThatContradictsItself(int place, byte value)
    {
        byte[] frame = [.. Link(0x86dd), .. IPv6(6, 20), .. Tcp];
        frame[place] = value;
        Assert.Equal(PacketKind.Malformed, PacketHeaders.Read(frame, (uint)frame.Length).Kind);
    }

    [Fact]
    public void RefusesHeadersThatGoOnBehindWhatIsLookedAt()
    {
        byte[] frame = [.. Link(0x0800), .. IPv4(6, 20), .. Tcp];
        for (int length = 0; length < frame.Length; length++)
            Assert.Equal(PacketKind.Malformed, PacketHeaders.Read(frame.AsSpan(0, length), (uint)frame.Length).Kind);
    }

    [Fact]
    public void AnyBytesGiveOffsetsThatLieInThem()
    {
        byte[] extensions = [60, 0, 0, 0, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 0];
        byte[][] starts = [[.. Link(0x0800), .. IPv4(6, 20), .. Tcp], [.. Link(0x86dd, 1), .. IPv6(0, 60), .. extensions, .. Udp], []];
        var cases = from start in Gen.Elements(starts)
                    from changes in Gen.Choose(0, 0x7fffffff).ArrayOf(4)
                    from more in Gen.Choose(0, 255).Select(i => (byte)i).ArrayOf(60)
                    from length in Gen.Choose(0, 130)
                    from behind in Gen.Choose(-20, 2000)
                    select (start, changes, more, length, behind);
        Prop.ForAll(cases.ToArbitrary(), c =>
        {
            byte[] bytes = [.. c.start, .. c.more];
            foreach (int change in c.changes)
                bytes[change % bytes.Length] = (byte)(change >> 16);
            bytes = bytes[..Math.Min(c.length, bytes.Length)];
            uint frameLength = (uint)Math.Max(0, bytes.Length + c.behind);
            var headers = PacketHeaders.Read(bytes, frameLength);
            long most = Math.Min(bytes.Length, frameLength);
            Assert.InRange<long>(headers.Transport, 0, most);
            if (headers.Kind is PacketKind.Malformed or PacketKind.Other) return;
            Assert.InRange(headers.Network, 14, headers.Transport - 20);
            Assert.InRange(headers.ProtocolPlace, headers.Network, headers.Transport - 1);
            Assert.InRange<long>(headers.Payload, headers.Transport + 8, most);
            Assert.InRange<long>(headers.Network + headers.NetworkLength, headers.NetworkLength == 0 ? 0 : headers.Payload, frameLength);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(5000));
    }

    private static PacketHeaders Read(params byte[][] parts)
    {
        byte[] frame = [.. parts.SelectMany(p => p)];
        return PacketHeaders.Read(frame, (uint)frame.Length);
    }

    private static byte[] Link(ushort type, int tags = 0) =>
        [.. Addresses, .. Enumerable.Range(0, tags).SelectMany(i => i == 0 && tags > 1 ? ServiceTag : Tag), (byte)(type >> 8), (byte)type];

    private static byte[] IPv4(byte protocol, int payload, int options = 0, ushort fragment = 0x4000) =>
    [
        (byte)(0x45 + (options / 4)), 0, 0, (byte)(20 + options + payload), 0, 1, (byte)(fragment >> 8), (byte)fragment, 64, protocol, 0, 0,
        10, 0, 0, 1, 10, 0, 0, 2, .. new byte[options],
    ];

    private static byte[] IPv6(byte protocol, int payload) => [0x60, 0, 0, 0, 0, (byte)payload, protocol, 64, .. new byte[32]];
}
