using FsCheck;
using FsCheck.Fluent;

namespace VhostSwitch.Dataplane.Tests;

public sealed unsafe class OffloadFinisherTests : IDisposable
{
    private readonly LentFrames _lent = new();
    private readonly OffloadFinisher _finisher = new();

    public static TheoryData<string> CasesOfLinux => [.. FramesOfLinux.All.Select(c => c.Name)];

    [Theory]
    [MemberData(nameof(CasesOfLinux))]
    public void MakesTheFramesThatLinuxMakes(string name)
    {
        var known = FramesOfLinux.All.Single(c => c.Name == name);
        int[][] allCuts = [[], [20], [14, 15, 16, 17], [54, 60], [known.Frame.Length - 1], [100, 101, 200]];
        foreach (int[] cuts in allCuts)
        {
            var made = Finish(known.Frame, known.Fields, cuts);
            Assert.NotNull(made);
            // The numbers of IPv6's fragments are each system's own.
            if (name == "UdpFragmentsV6") made.ForEach(m => known.Made[0].AsSpan(58, 4).CopyTo(m.AsSpan(58)));
            Assert.Equal(known.Made.Select(Convert.ToHexString), made.Select(Convert.ToHexString));
        }
    }

    [Fact]
    public void AnyLargeSegmentBecomesSoundFramesWithTheSamePayload()
    {
        var cases = from frame in Frames()
                    from size in Gen.Choose(OffloadFinisher.MinSegmentSize, 1600)
                    from cuts in Gen.Choose(0, 3000).ArrayOf(3)
                    select (frame, size, cuts);
        Prop.ForAll(cases.ToArbitrary(), c =>
        {
            var made = Finish(c.frame.ToBytes(unfinished: true), c.frame.Fields(c.frame.GsoType, c.size), c.cuts)!;
            Assert.Equal(Math.Max(1, (c.frame.Payload.Length + c.size - 1) / c.size), made.Count);
            Assert.All(made, m => Assert.True(WireFrame.IsSound(m)));
            Assert.Equal(c.frame.Payload, made.SelectMany(m => m[c.frame.Headers..]));
            for (int i = 0; i < made.Count; i++)
            {
                // Apart from lengths, numbers and checksums every frame is what its own sender would have made.
                int at = i * c.size;
                byte flags = c.frame.Flags;
                if (i < made.Count - 1) flags &= unchecked((byte)~(WireFrame.Push | WireFrame.Fin));
                if (i > 0) flags &= unchecked((byte)~WireFrame.CongestionReduced);
                var expected = c.frame with
                {
                    Id = (ushort)(c.frame.Id + i),
                    Sequence = c.frame.Sequence + (uint)at,
                    Flags = flags,
                    Payload = c.frame.Payload[at..Math.Min(at + c.size, c.frame.Payload.Length)],
                };
                Assert.Equal(expected.ToBytes(), made[i]);
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));
    }

    [Fact]
    public void AnyChecksumIsFinished() => Prop.ForAll((
        from frame in Frames()
        from cuts in Gen.Choose(0, 200).ArrayOf(2)
        select (frame, cuts)).ToArbitrary(), c =>
    {
        var made = Finish(c.frame.ToBytes(unfinished: true), c.frame.Fields(), c.cuts)!;
        Assert.Equal([c.frame.ToBytes()], made);
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(500));

    [Fact]
    public void AnyDatagramBecomesFragmentsOfIt() => Prop.ForAll((
        from frame in Frames()
        from size in Gen.Choose(8, 700)
        select (frame with { IsUdp = true }, size)).ToArbitrary(), c =>
    {
        var (frame, size) = c;
        byte[] whole = frame.ToBytes();
        var made = Finish(frame.ToBytes(unfinished: true), frame.Fields(OffloadFields.GsoUdp, size), [])!;
        int unit = size / 8 * 8, header = frame.Transport + (frame.IsIPv6 && made.Count > 1 ? 8 : 0);
        Assert.Equal((whole.Length - frame.Transport + unit - 1) / unit, made.Count);
        Assert.All(made, m => Assert.True(WireFrame.IsSound(m)));
        Assert.Equal(whole[frame.Transport..], made.SelectMany(m => m[header..]));
        for (int i = 0; i < made.Count; i++)
        {
            int place = WireFrame.Number(made[i], frame.IsIPv6 ? frame.Transport + 2 : frame.Network + 6);
            int more = i < made.Count - 1 ? 1 : 0;
            if (made.Count > 1) Assert.Equal(frame.IsIPv6 ? (i * unit) | more : (i * unit / 8) | (more << 13), place);
        }
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(500));

    [Fact]
    public void AnyBytesWithAnyFieldsGiveSoundFramesOrNone()
    {
        int taken = 0;
        var cases = from frame in Frames()
                    from raw in Gen.Choose(0, 3)
                    from changes in Gen.Choose(0, int.MaxValue).ArrayOf(3)
                    from fields in Gen.Choose(0, 65535).ArrayOf(6)
                    from which in Gen.Choose(0, 63)
                    from cuts in Gen.Choose(0, 100).ArrayOf(2)
                    select (frame, raw, changes, fields, which, cuts);
        Prop.ForAll(cases.ToArbitrary(), c =>
        {
            byte[] bytes = c.frame.ToBytes(unfinished: true);
            for (int i = 0; i < c.changes.Length && c.raw < 3; i++)
                bytes[c.changes[i] % Math.Min(bytes.Length, 100)] = (byte)(c.changes[i] >> 8);
            if (c.raw == 0) bytes = bytes[..Math.Min(bytes.Length, 14 + (c.fields[5] % 60))];
            var fields = c.frame.Fields((byte)(c.which & 1) == 0 ? (byte)0 : (byte)new[] { 1, 3, 4, 5, 0x81 }[c.fields[0] % 5], c.fields[1] % 3000);
            if ((c.which & 2) != 0) fields.CsumStart = (ushort)(c.fields[2] % 200);
            if ((c.which & 4) != 0) fields.CsumOffset = (ushort)(c.fields[3] % 100);
            if ((c.which & 8) != 0) fields.HdrLen = (ushort)c.fields[4];
            var made = Finish(bytes, fields, c.cuts);
            if (made is null) return;
            taken++;
            Assert.NotEmpty(made);
            // Whatever was asked for: addresses and tags are those that were decided on.
            Assert.All(made, m => Assert.Equal(bytes[..14], m[..14]));
            if (fields.GsoType != 0) Assert.All(made, m => Assert.True(WireFrame.IsSound(m)));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(5000));
        Assert.InRange(taken, 500, 5000);
    }

    [Theory]
    [InlineData("start")]
    [InlineData("offset")]
    [InlineData("kind")]
    [InlineData("version")]
    [InlineData("size 7")]
    [InlineData("too many")]
    [InlineData("length")]
    [InlineData("fragment")]
    [InlineData("syn")]
    [InlineData("no checksum")]
    public void RefusesFieldsThatContradictTheHeaders(string what)
    {
        var frame = new WireFrame { Payload = new byte[what == "too many" ? 60_000 : 300], Flags = what == "syn" ? (byte)18 : (byte)16 };
        byte[] bytes = frame.ToBytes(unfinished: true);
        var fields = frame.Fields(frame.GsoType, 100);
        Assert.NotNull(Finish(new WireFrame { Payload = new byte[300] }.ToBytes(true), fields, []));
        if (what == "start") fields.CsumStart += 2;
        if (what == "offset") fields.CsumOffset = 6;
        if (what == "kind") fields.GsoType = OffloadFields.GsoUdpL4;
        if (what == "version") fields.GsoType = OffloadFields.GsoTcpV6;
        if (what == "size 7") fields.GsoSize = OffloadFinisher.MinSegmentSize - 1;
        if (what == "too many") fields.GsoSize = 58;
        if (what == "length") bytes[frame.Network + 3]--;
        if (what == "fragment") bytes[frame.Network + 6] = 0x20;
        if (what == "no checksum") fields.Flags = 0;
        Assert.Null(Finish(bytes, fields, []));
    }

    [Theory]
    [InlineData(100, 0x7fff)]
    [InlineData(0, 60)]
    public void TheLengthOfAllHeadersIsAHintThatNobodyFollows(ushort given, int other)
    {
        var frame = new WireFrame { Payload = new byte[300] };
        var fields = frame.Fields(frame.GsoType, 100);
        fields.HdrLen = given;
        var made = Finish(frame.ToBytes(true), fields, []);
        fields.HdrLen = (ushort)other;
        Assert.Equal(made, Finish(frame.ToBytes(true), fields, []));
    }

    [Fact]
    public void Cve202411614NoChecksumIsWrittenBehindTheFrameOrIntoWhatWasDecidedOn()
    {
        byte[] bytes = new byte[60];
        bytes[12] = 0x88;
        bytes[13] = 0xb5;
        Assert.NotNull(Finish(bytes, new OffloadFields { Flags = 1, CsumStart = 16, CsumOffset = 42 }, []));
        Assert.Null(Finish(bytes, new OffloadFields { Flags = 1, CsumStart = 16, CsumOffset = 43 }, []));
        Assert.Null(Finish(bytes, new OffloadFields { Flags = 1, CsumStart = 65_535, CsumOffset = 65_535 }, []));
        Assert.Null(Finish(bytes, new OffloadFields { Flags = 1, CsumStart = 15, CsumOffset = 20 }, []));
        Assert.Null(Finish(bytes, new OffloadFields { Flags = 1, CsumStart = 0, CsumOffset = 0 }, []));
    }

    [Fact]
    public void FinishesTheChecksumOfWhatATunnelCarries()
    {
        var inner = new WireFrame { Payload = [1, 2, 3] };
        var outer = new WireFrame { IsUdp = true, Payload = [8, 0, 0, 0, 0, 0, 7, 0, .. inner.ToBytes(unfinished: true)] };
        byte[] bytes = outer.ToBytes();
        var fields = inner.Fields();
        fields.CsumStart += (ushort)(outer.Headers + 8);
        var made = Assert.Single(Finish(bytes, fields, [70])!);
        Assert.Equal(inner.ToBytes(), made[(outer.Headers + 8)..]);
        Assert.Equal(bytes[..outer.Headers], made[..outer.Headers]);
    }

    [Fact]
    public void AChecksumOfZeroIsNotTakenForNone()
    {
        // RFC 768: 0 says that there is no checksum.
        var datagram = Enumerable.Range(0, 65536).Select(i => new WireFrame { IsUdp = true, Payload = [(byte)(i >> 8), (byte)i] })
            .First(f => WireFrame.Number(f.ToBytes(), f.Transport + 6) == 0xffff);
        Assert.Equal([datagram.ToBytes()], Finish(datagram.ToBytes(unfinished: true), datagram.Fields(), [])!);
        Assert.Equal([datagram.ToBytes()], Finish(datagram.ToBytes(unfinished: true), datagram.Fields(OffloadFields.GsoUdpL4, 8), [])!);
        Assert.Equal([datagram.ToBytes()], Finish(datagram.ToBytes(unfinished: true), datagram.Fields(OffloadFields.GsoUdp, 800), [])!);
    }

    [Fact]
    public void LeavesPaddingOutOfTheChecksum()
    {
        var frame = new WireFrame { Payload = [1] };
        byte[] padding = [9, 9, 9, 9, 9];
        Assert.Equal([[.. frame.ToBytes(), .. padding]], Finish([.. frame.ToBytes(unfinished: true), .. padding], frame.Fields(), [])!);
    }

    [Fact]
    public void TakesTheLengthThatWindowsLeavesOpen()
    {
        var frame = new WireFrame { Payload = new byte[250] };
        byte[] bytes = frame.ToBytes(unfinished: true);
        var expected = Finish(bytes, frame.Fields(frame.GsoType, 100), []);
        bytes[frame.Network + 2] = bytes[frame.Network + 3] = 0;
        Assert.Equal(expected, Finish(bytes, frame.Fields(frame.GsoType, 100), []));
    }

    [Fact]
    public void GoesOnInARoomThatWasFull()
    {
        var large = new WireFrame { IsUdp = true, Payload = [.. Enumerable.Range(0, 65_000).Select(i => (byte)(i * 7))] };
        byte[] bytes = large.ToBytes(unfinished: true);
        var small = large with { Payload = large.Payload[..1400] };
        // A frame that fills half of the room, one that fills the other, a datagram in fragments beside what was not sent yet.
        _lent.Add(bytes, large.Fields());
        _lent.Add(small.ToBytes(unfinished: true), small.Fields());
        _lent.Add(bytes, large.Fields(OffloadFields.GsoUdp, 1400));
        foreach (byte type in new byte[] { 0, 0, 0, OffloadFields.GsoUdp, OffloadFields.GsoUdpL4, OffloadFields.GsoUdp, 0 })
            _lent.Add(bytes, large.Fields(type, 1400));
        var made = FinishAll();
        Assert.All(made, m => Assert.True(WireFrame.IsSound(m)));
        Assert.Equal(5, made.Count(m => m.SequenceEqual(large.ToBytes())));
        byte[] datagram = large.ToBytes()[large.Transport..];
        var fragments = made.Where(m => (WireFrame.Number(m, large.Network + 6) & 0x3fff) != 0).ToList();
        Assert.Equal([.. datagram, .. datagram, .. datagram], fragments.SelectMany(m => m[large.Transport..]));
    }

    public void Dispose()
    {
        _lent.Dispose();
        _finisher.Dispose();
    }

    private static Gen<WireFrame> Frames() =>
        from kind in Gen.Choose(0, 15)
        from tags in Gen.Choose(0, 2)
        from flags in Gen.Elements<byte>(0x10, 0x18, 0x19, 0x90, 0x98)
        from length in Gen.Choose(0, 3000)
        from sequence in Gen.Choose(int.MinValue, int.MaxValue)
        from seed in Gen.Choose(0, int.MaxValue)
        select new WireFrame
        {
            IsIPv6 = (kind & 1) != 0,
            IsUdp = (kind & 2) != 0,
            HasOptions = (kind & 6) == 4,
            Tags = tags,
            Flags = (kind & 2) != 0 ? WireFrame.Acknowledge : flags,
            Sequence = (kind & 2) != 0 ? 0xffff_ff00 : (uint)sequence,
            Id = (ushort)seed,
            Payload = RandomBytes(seed, length),
        };

    private static byte[] RandomBytes(int seed, int length)
    {
        byte[] bytes = new byte[length];
        new System.Random(seed).NextBytes(bytes);
        return bytes;
    }

    // Null where the frame is refused.
    private List<byte[]>? Finish(byte[] bytes, OffloadFields fields, int[] cuts)
    {
        _lent.Clear();
        _lent.Add(bytes, fields, cuts);
        var made = new List<byte[]>();
        return Finish(0, made) ? [.. made, .. Collect()] : null;
    }

    private List<byte[]> FinishAll()
    {
        var made = new List<byte[]>();
        for (ushort i = 0; i < _lent.Burst.Count; i++)
            Assert.True(Finish(i, made));
        return [.. made, .. Collect()];
    }

    private bool Finish(ushort index, List<byte[]> made)
    {
        if (!_finisher.Take(_lent.Burst, index)) return false;
        Assert.InRange(_finisher.Left, 1, OffloadFinisher.MaxSegments);
        while (_finisher.Left > 0)
        {
            if (_finisher.MakeNext()) continue;
            Assert.NotEqual(0, _finisher.Burst.Count);
            made.AddRange(Collect());
        }
        return true;
    }

    private List<byte[]> Collect()
    {
        var made = Enumerable.Range(0, _finisher.Burst.Count).Select(i => LentFrames.Bytes(_finisher.Burst, i)).ToList();
        for (int i = 0; i < made.Count; i++)
            Assert.Equal(0, _finisher.Burst.Frames[i].Offload.Flags | _finisher.Burst.Frames[i].Offload.GsoType);
        _finisher.Clear();
        return made;
    }
}
