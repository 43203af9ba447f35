using System.Buffers.Binary;
using System.Net;
using VhostSwitch.Dataplane;
using VhostSwitch.TestContent;
using VhostSwitch.Testpmd.Forwarding;
using VhostSwitch.Testpmd.Modes;
using VhostSwitch.Testpmd.Tests.Forwarding;

namespace VhostSwitch.Testpmd.Tests.Modes;

/// <summary>What each mode makes of a frame.</summary>
public sealed class ForwardModeTests
{
    private static readonly byte[] Own = Convert.FromHexString("02706d640001"), Peer = Convert.FromHexString("020000000001");

    [Theory]
    [InlineData(0)]
    [InlineData(10)]
    [InlineData(30)]
    public void IoSendsFramesAsTheyAre(int splitAt)
    {
        byte[][] frames = Frames.Many(50);
        using var rig = new StreamRig(frames, splitAt: splitAt);
        Assert.Equal(frames, rig.Run(new IoMode()));
        Assert.Equal((50UL, 50UL), (rig.Stream.Counters.Received, rig.Stream.Counters.Sent));
        Assert.Equal((50UL, (ulong)frames.Sum(f => f.Length)), (rig.InputCounters.Frames, rig.InputCounters.Bytes));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(10)]
    public void MacSendsFromThePortToItsPeer(int splitAt)
    {
        byte[] frame = Frames.Udp();
        using var rig = new StreamRig([frame], splitAt: splitAt);
        byte[] sent = Assert.Single(rig.Run(new MacMode()));
        Assert.Equal([.. Peer, .. Own, .. frame[12..]], sent);
    }

    [Fact]
    public void MacSwapExchangesAddresses()
    {
        byte[] frame = Frames.Udp();
        using var rig = new StreamRig([frame]);
        Assert.Equal([.. Frames.Source, .. Frames.Destination, .. frame[12..]], Assert.Single(rig.Run(new MacSwapMode())));
    }

    [Fact]
    public void RxOnlySendsNothing()
    {
        using var rig = new StreamRig(Frames.Many(40));
        Assert.Empty(rig.Run(new RxOnlyMode()));
        Assert.Equal((40UL, 0UL, 0UL), (rig.Stream.Counters.Received, rig.Stream.Counters.Sent, rig.Stream.Counters.Dropped));
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void FiveTupleSwapExchangesEveryEnd(bool tcp, bool ipv6)
    {
        byte[] frame = tcp ? Frames.Tcp(ipv6: ipv6) : Frames.Udp(ipv6: ipv6);
        using var rig = new StreamRig([frame], splitAt: 20);
        byte[] sent = Assert.Single(rig.Run(new FiveTupleSwapMode()));
        int address = ipv6 ? 22 : 26, length = ipv6 ? 16 : 4, ports = ipv6 ? 54 : 34;
        Assert.Equal(Frames.Source, sent[..6]);
        Assert.Equal(Frames.Destination, sent[6..12]);
        Assert.Equal(frame[address..(address + length)], sent[(address + length)..(address + (2 * length))]);
        Assert.Equal(frame[(address + length)..(address + (2 * length))], sent[address..(address + length)]);
        Assert.Equal((2222, 1111),
            (BinaryPrimitives.ReadUInt16BigEndian(sent.AsSpan(ports)), BinaryPrimitives.ReadUInt16BigEndian(sent.AsSpan(ports + 2))));
        Assert.Equal(frame[(ports + 4)..], sent[(ports + 4)..]);
        Assert.True(Frames.ChecksumsAreRight(sent));
    }

    [Fact]
    public void IcmpEchoAnswersAPing()
    {
        byte[] ping = Frames.Ping(payload: 55);
        using var rig = new StreamRig([ping, Frames.Udp(), new byte[60]]);
        byte[] answer = Assert.Single(rig.Run(new IcmpEchoMode()));
        Assert.Equal([.. Frames.Source, .. Frames.Destination], answer[..12]);
        Assert.Equal(Frames.To.GetAddressBytes(), answer[26..30]);
        Assert.Equal(Frames.From.GetAddressBytes(), answer[30..34]);
        Assert.Equal(0, answer[34]);
        Assert.Equal(ping[38..], answer[38..]);
        // RFC 792: the sum of the whole message.
        byte[] expected = [.. answer];
        (expected[36], expected[37]) = (0, 0);
        uint sum = 0;
        for (int i = 34; i < expected.Length; i++)
            sum += i % 2 == 0 ? (uint)expected[i] << 8 : expected[i];
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        Assert.Equal((ushort)~sum, BinaryPrimitives.ReadUInt16BigEndian(answer.AsSpan(36)));
    }

    [Fact]
    public void IcmpEchoAnswersArpWithThePortsAddress()
    {
        using var rig = new StreamRig([Frames.ArpRequest()]);
        byte[] answer = Assert.Single(rig.Run(new IcmpEchoMode()));
        byte[] expected =
        [
            .. Frames.Source, .. Own, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2, .. Own, .. Frames.To.GetAddressBytes(), .. Frames.Source,
                .. Frames.From.GetAddressBytes(),
        ];
        Assert.Equal(expected, answer);
    }

    /// <summary>No length makes it read or answer what is not there.</summary>
    [Fact]
    public void ShortFramesAreNotAnswered()
    {
        byte[] ping = Frames.Ping(payload: 0), arp = Frames.ArpRequest();
        byte[][] cut = [.. Enumerable.Range(14, 27).Select(n => ping[..Math.Min(n, 41)]), .. Enumerable.Range(14, 27).Select(n => arp[..n])];
        using var rig = new StreamRig(cut);
        Assert.Empty(rig.Run(new IcmpEchoMode()));
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void CsumMakesChecksumsRight(bool tcp, bool ipv6)
    {
        byte[] frame = tcp ? Frames.Tcp(33, ipv6) : Frames.Udp(33, ipv6);
        byte[] wrong = [.. frame];
        wrong[Frames.ChecksumPlace(frame)] ^= 0x55;
        if (!ipv6) wrong[24] ^= 0x55;
        using var rig = new StreamRig([wrong], new ChecksumSettings { RewritesAddresses = false });
        Assert.Equal(frame, Assert.Single(rig.Run(new ChecksumMode())));
        Assert.Equal((0UL, 0UL), (rig.Stream.Counters.BadNetwork, rig.Stream.Counters.BadTransport));
    }

    [Fact]
    public void CsumCountsWrongChecksumsWhereItChecks()
    {
        byte[] wrongIp = Frames.Tcp(), wrongTcp = Frames.Tcp(), wrongUdp = Frames.Udp();
        wrongIp[24] ^= 1;
        wrongTcp[50] ^= 1;
        wrongUdp[40] ^= 1;
        var settings = new ChecksumSettings { ChecksNetwork = true, ChecksTcp = true, ChecksUdp = true };
        using var rig = new StreamRig([Frames.Tcp(), wrongIp, wrongTcp, wrongUdp, Frames.Udp()], settings);
        rig.Run(new ChecksumMode());
        Assert.Equal((1UL, 2UL), (rig.Stream.Counters.BadNetwork, rig.Stream.Counters.BadTransport));
    }

    [Fact]
    public void CsumRewritesAddressesUnlessToldNotTo()
    {
        using var rig = new StreamRig([Frames.Tcp()]);
        Assert.Equal([.. Peer, .. Own], Assert.Single(rig.Run(new ChecksumMode()))[..12]);
    }

    [Fact]
    public void ADatagramWithoutAChecksumStaysOne()
    {
        byte[] frame = Frames.Udp();
        (frame[40], frame[41]) = (0, 0);
        using var rig = new StreamRig([frame]);
        byte[] sent = Assert.Single(rig.Run(new ChecksumMode()));
        Assert.Equal((0, 0), (sent[40], sent[41]));
    }

    /// <summary>What is left to a port that does nothing for a frame is done before: the frame is right all the same.</summary>
    [Theory]
    [InlineData(OffloadKinds.None)]
    [InlineData(OffloadKinds.All)]
    public void CsumLeavesChecksumsToThePort(OffloadKinds takes)
    {
        byte[] frame = Frames.Tcp();
        using var rig = new StreamRig([frame], new ChecksumSettings { TcpByPort = true, RewritesAddresses = false }, takes: takes);
        byte[] sent = Assert.Single(rig.Run(new ChecksumMode()));
        var offload = Assert.Single(rig.Output.Offloads);
        if (takes == OffloadKinds.None)
        {
            Assert.Equal(frame, sent);
            return;
        }
        Assert.Equal((OffloadFields.NeedsCsum, 34, 16), (offload.Flags, offload.CsumStart, offload.CsumOffset));
        Assert.NotEqual(frame, sent);
    }

    [Fact]
    public void CsumCutsSegmentsOfTheSizeThatWasSet()
    {
        using var rig = new StreamRig([Frames.Tcp(payload: 1400)], new ChecksumSettings { SegmentSize = 500 });
        var sent = rig.Run(new ChecksumMode());
        Assert.Equal([554, 554, 454], sent.Select(frame => frame.Length));
        Assert.All(sent, frame => Assert.True(Frames.ChecksumsAreRight(frame)));
    }

    /// <summary>The frames are those of DPDK 22.11's testpmd, byte for byte, but for the port's own address.</summary>
    [Fact]
    public void TxOnlySendsTheDocumentedFrame()
    {
        using var rig = new StreamRig([]);
        var mode = new TxOnlyMode();
        rig.Stream.Generator = mode.Generate(rig.Stream, new GeneratorSettings());
        Assert.True(mode.Turn(rig.Stream, rig.Workspace));
        string expected = "02000000000102706d640001" + "0800450000320000000040" + "11ee93c6120001c612000200090009001e0000" + new string('0', 44);
        Assert.Equal(32, rig.Output.Frames.Count);
        Assert.All(rig.Output.Frames, frame => Assert.Equal(expected, Convert.ToHexStringLower(frame)));
        Assert.Equal(32UL, rig.Stream.Counters.Sent);
    }

    [Fact]
    public void FlowGenSendsTheDocumentedFlows()
    {
        using var rig = new StreamRig(Frames.Many(5));
        var mode = new FlowGenMode();
        rig.Stream.Generator = mode.Generate(rig.Stream, new GeneratorSettings { GeneratedFlows = 40 });
        mode.Turn(rig.Stream, rig.Workspace);
        mode.Turn(rig.Stream, rig.Workspace);
        string first = "000102030401000102030400" + "08004500002e0000000040" + "1164c50afe00000afd000003e803e9001a0000" + new string('0', 36);
        Assert.Equal(first, Convert.ToHexStringLower(rig.Output.Frames[0]));
        Assert.Equal([.. Enumerable.Range(0, 64).Select(i => i % 40)], rig.Output.Frames.Select(frame => (int)frame[33]));
        Assert.Equal(5UL, rig.Stream.Counters.Received);
    }

    [Theory]
    [InlineData(new[] { 64 })]
    [InlineData(new[] { 16, 10, 20, 100 })]
    [InlineData(new[] { 60, 1500, 1 })]
    public void GeneratedFramesLieInThePiecesThatWereSet(int[] segments)
    {
        using var rig = new StreamRig([]);
        var mode = new TxOnlyMode();
        rig.Stream.Generator = mode.Generate(rig.Stream, new GeneratorSettings { Segments = segments, TransmitFlows = 3 });
        mode.Turn(rig.Stream, rig.Workspace);
        Assert.Equal(32, rig.Output.Frames.Count);
        Assert.All(rig.Output.Frames, frame => Assert.Equal(segments.Sum(), frame.Length));
        Assert.All(rig.Output.Frames.Index(), f =>
            Assert.Equal(new IPAddress([198, 18, 0, (byte)(f.Index % 3)]), new IPAddress(f.Item.AsSpan(26, 4))));
        Assert.All(rig.Output.Frames, frame => Assert.Equal(0, HeaderSum(frame)));
        Assert.Equal(segments.Length - 1, Pieces(rig.Stream.Generator));
    }

    [Fact]
    public void ManyPiecesOfAFrameMakeFewerFramesAtOnce()
    {
        using var rig = new StreamRig([]);
        var mode = new TxOnlyMode();
        rig.Stream.Generator = mode.Generate(rig.Stream, new GeneratorSettings { Segments = [.. Enumerable.Repeat(16, 255)] });
        mode.Turn(rig.Stream, rig.Workspace);
        Assert.Equal([8, 8, 8, 8], rig.Output.Offered);
        Assert.All(rig.Output.Frames, frame => Assert.Equal(16 * 255, frame.Length));
    }

    [Theory]
    [InlineData("noisy")]
    [InlineData("recycle_mbufs")]
    [InlineData("shared-rxq")]
    [InlineData("ieee1588")]
    public void ModesThatAreNotBuiltAreRefused(string name) =>
        Assert.StartsWith($"forward mode {name} is not built: ", Assert.Throws<TestpmdException>(() => ForwardModes.Find(name, out _)).Message);

    [Fact]
    public void MacRetryIsMacWithRetry()
    {
        Assert.IsType<MacMode>(ForwardModes.Find("mac_retry", out bool retries));
        Assert.True(retries);
    }

    private static unsafe int Pieces(FrameGenerator generator) => generator.Burst.Frames->MoreSegments;

    private static int HeaderSum(byte[] frame)
    {
        uint sum = 0;
        for (int i = 14; i < 34; i += 2)
            sum += BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(i));
        return 0xffff - (int)((sum & 0xffff) + (sum >> 16));
    }
}
