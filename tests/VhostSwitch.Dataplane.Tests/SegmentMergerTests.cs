using FsCheck;
using FsCheck.Fluent;

namespace VhostSwitch.Dataplane.Tests;

public sealed unsafe class SegmentMergerTests : IDisposable
{
    private const OffloadKinds All = OffloadKinds.Checksum | OffloadKinds.Tso4 | OffloadKinds.Tso6;
    private const int Size = 100;

    private readonly LentFrames _lent = new();
    private readonly SegmentMerger _merger = new();
    private readonly OffloadFinisher _finisher = new();

    [Theory]
    [InlineData(false, 0, false)]
    [InlineData(true, 0, false)]
    [InlineData(false, 2, true)]
    [InlineData(true, 1, true)]
    public void SegmentsBecomeOneThatSaysHowToCutIt(bool v6, int tags, bool unfinished)
    {
        var first = new WireFrame { IsIPv6 = v6, Tags = tags, HasOptions = true, Payload = Bytes(Size, 1) };
        var last = After(first, 2) with { Payload = Bytes(40, 3), Flags = WireFrame.Acknowledge | WireFrame.Push };
        byte[] merged = Assert.Single(Merge([first, After(first, 1), last], unfinished));
        var expected = first with { Flags = last.Flags, Payload = [.. first.Payload, .. After(first, 1).Payload, .. last.Payload] };
        // What is left to be done is what a sender would have left.
        Assert.Equal(expected.ToBytes(unfinished: true), merged);
        Assert.Equal(expected.Fields(first.GsoType, Size), _merger.Burst.Frames[0].Offload);
    }

    [Theory]
    [InlineData("acknowledgement")]
    [InlineData("window")]
    [InlineData("options")]
    [InlineData("other options")]
    [InlineData("time to live")]
    [InlineData("number")]
    [InlineData("sequence")]
    [InlineData("port")]
    [InlineData("tag")]
    [InlineData("longer")]
    [InlineData("fin")]
    [InlineData("urgent")]
    [InlineData("congestion")]
    [InlineData("empty")]
    [InlineData("version")]
    [InlineData("udp")]
    public void WhatDiffersIsNotMerged(string what)
    {
        var first = new WireFrame { HasOptions = true, Tags = 1, Payload = Bytes(Size, 1) };
        var second = After(first, 1);
        Assert.Single(Merge([first, second]));
        WireFrame other = what switch
        {
            "acknowledgement" => second with { Acknowledgement = 6 },
            "window" => second with { Window = 501 },
            "options" => second with { Stamp = 78 },
            "other options" => second with { HasOptions = false },
            "time to live" => second with { Time = 63 },
            "number" => second with { Id = (ushort)(second.Id + 1) },
            "sequence" => second with { Sequence = second.Sequence + 1 },
            "port" => second with { Port = 1001 },
            "tag" => second with { Tags = 0 },
            "longer" => second with { Payload = Bytes(Size + 1, 1) },
            "fin" => second with { Flags = WireFrame.Acknowledge | WireFrame.Fin },
            "urgent" => second with { Flags = WireFrame.Acknowledge | 0x20 },
            "congestion" => second with { Flags = WireFrame.Acknowledge | WireFrame.CongestionReduced },
            "empty" => second with { Payload = [] },
            "version" => second with { IsIPv6 = true },
            _ => second with { IsUdp = true, HasOptions = false },
        };
        Assert.Equal([first.ToBytes(), other.ToBytes()], Merge([first, other]));
    }

    [Theory]
    [InlineData("push")]
    [InlineData("short")]
    [InlineData("fin")]
    [InlineData("empty")]
    [InlineData("fragment")]
    public void NothingIsMergedBehindWhatEndsASegment(string what)
    {
        var first = new WireFrame { Payload = Bytes(Size, 1) };
        WireFrame second = After(first, 1), third = After(first, 2);
        if (what == "push") second = second with { Flags = WireFrame.Acknowledge | WireFrame.Push };
        if (what == "short") (second, third) = (second with { Payload = Bytes(Size - 1, 2) }, third with { Sequence = third.Sequence - 1 });
        if (what == "fin") (second, third) = (second with { Flags = WireFrame.Acknowledge | WireFrame.Fin, Payload = [] }, second);
        if (what == "empty") (second, third) = (second with { Payload = [] }, second);
        byte[] middle = second.ToBytes();
        if (what == "fragment")
        {
            middle[second.Network + 6] = 0x20;
            third = After(first, 1);
        }
        _lent.Clear();
        _lent.Add(first.ToBytes());
        _lent.Add(middle);
        _lent.Add(third.ToBytes());
        bool joined = what is "push" or "short";
        Assert.Equal(joined ? 2 : 3, MergeLent(3));
    }

    [Theory]
    [InlineData(24)]
    [InlineData(50)]
    [InlineData(54)]
    [InlineData(153)]
    public void AWrongChecksumIsNotMadeRight(int place)
    {
        var first = new WireFrame { Payload = Bytes(Size, 1) };
        byte[] second = After(first, 1).ToBytes();
        second[place] ^= 1;
        _lent.Clear();
        _lent.Add(first.ToBytes());
        _lent.Add(second);
        Assert.Equal(2, MergeLent(2));
    }

    [Fact]
    public void GrowsNoLongerThanIPHasRoomFor()
    {
        var first = new WireFrame { Payload = Bytes(3000, 1) };
        var merged = Merge([.. Enumerable.Range(0, 32).Select(i => After(first, i))]);
        Assert.Equal([54 + (21 * 3000), 54 + (11 * 3000)], merged.Select(m => m.Length));
    }

    [Theory]
    [InlineData(OffloadFinisher.MinSegmentSize, 1)]
    [InlineData(OffloadFinisher.MinSegmentSize - 1, 2)]
    public void NothingIsMergedThatNobodyWouldCut(int size, int count)
    {
        var first = new WireFrame { Payload = Bytes(size, 1) };
        Assert.Equal(count, Merge([first, After(first, 1)]).Count);
    }

    [Fact]
    public void ManyFlowsAreMergedSideBySide()
    {
        var flows = Enumerable.Range(0, 4).Select(i => new WireFrame { Port = (ushort)i, Payload = Bytes(Size, i) }).ToArray();
        var merged = Merge([.. Enumerable.Range(0, 32).Select(i => After(flows[i % 4], i / 4))]);
        Assert.Equal([0, 1, 2, 3], merged.Select(m => (int)WireFrame.Number(m, 34)));
        Assert.All(merged, m => Assert.Equal(54 + (8 * Size), m.Length));
    }

    [Theory]
    [InlineData(OffloadKinds.None)]
    [InlineData(OffloadKinds.Checksum)]
    [InlineData(OffloadKinds.Checksum | OffloadKinds.Tso6)]
    [InlineData(OffloadKinds.Tso4)]
    public void AReceiverGetsNothingMergedThatItDoesNotTake(OffloadKinds takes)
    {
        var first = new WireFrame { Payload = Bytes(Size, 1) };
        Merge([first, After(first, 1)]);
        Assert.Equal(2, MergeLent(2, takes));
    }

    [Fact]
    public void WhatBecameOfAMergedFrameIsSaidOfItsParts()
    {
        var first = new WireFrame { Payload = Bytes(Size, 1) };
        Assert.Equal(2, Merge([first, new WireFrame { Port = 7, Payload = Bytes(Size, 1) }, After(first, 1)]).Count);
        _merger.Burst.Frames[0].Delivered = true;
        ushort* which = stackalloc ushort[] { 0, 1, 2 };
        _merger.Settle(_lent.Burst, which, 3);
        Assert.Equal([true, false, true], Enumerable.Range(0, 3).Select(i => _lent.Burst.Frames[i].Delivered));
    }

    /// <summary>Whatever is merged is, cut again, what it was: each flow has its frames, byte by byte and in order.</summary>
    [Fact]
    public void AnyBurstIsTheSameWhenItIsCutAgain()
    {
        int merged = 0;
        var step = from flow in Gen.Choose(0, 2)
                   from what in Gen.Choose(0, 11)
                   from length in Gen.Frequency((6, Gen.Constant(Size)), (1, Gen.Choose(0, 2 * Size)), (1, Gen.Choose(1, 10)))
                   from cuts in Gen.Choose(0, 200).ArrayOf(2)
                   select (flow, what, length, cuts);
        Prop.ForAll(step.ArrayOf().ToArbitrary(), steps =>
        {
            var next = Enumerable.Range(0, 3).Select(i => new WireFrame { Port = (ushort)i, IsIPv6 = i == 2, HasOptions = i == 1, Tags = i }).ToArray();
            var sent = new List<byte[]>();
            _lent.Clear();
            foreach (var s in steps.Take(Burst.MaxFrames))
            {
                byte flags = s.what switch { 0 => 0x18, 1 => 0x11, 2 => 0x30, _ => 0x10 };
                var frame = next[s.flow] with { Payload = Bytes(s.length, s.what), Flags = flags };
                bool unfinished = s.what is > 2 and < 6;
                byte[] bytes = frame.ToBytes(unfinished);
                if (s.what == 11) bytes[^1]++;
                _lent.Add(bytes, unfinished ? frame.Fields() : default, s.cuts);
                sent.Add(s.what == 11 ? bytes : frame.ToBytes());
                next[s.flow] = frame with { Sequence = frame.Sequence + (uint)s.length, Id = (ushort)(frame.Id + 1) };
                if (s.what == 10) next[s.flow] = next[s.flow] with { Stamp = frame.Stamp + 1, Acknowledgement = frame.Acknowledgement + 1 };
            }
            int count = _lent.Burst.Count, after = count == 0 ? 0 : MergeLent(count);
            merged += count - after;
            var burst = after == count ? _lent.Burst : _merger.Burst;
            var received = new List<byte[]>();
            for (ushort i = 0; i < after; i++)
            {
                if (burst.Frames[i].Offload.Flags == 0) received.Add(LentFrames.Bytes(burst, i));
                else received.AddRange(Cut(burst, i));
            }
            foreach (var flow in next)
                Assert.Equal(OfFlow(sent, flow), OfFlow(received, flow));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
        Assert.InRange(merged, 1000, int.MaxValue);
    }

    public void Dispose()
    {
        _lent.Dispose();
        _merger.Dispose();
        _finisher.Dispose();
    }

    // Each flow has headers of a length of its own, which end with its type.
    private static IEnumerable<string> OfFlow(IEnumerable<byte[]> frames, WireFrame flow) =>
        frames.Where(f => WireFrame.Number(f, flow.Network - 2) == (flow.IsIPv6 ? 0x86dd : 0x0800) && (flow.Tags == 0 || f[12] == 0x81))
            .Select(Convert.ToHexString);

    private static WireFrame After(WireFrame first, int count) =>
        first with { Sequence = first.Sequence + (uint)(count * first.Payload.Length), Id = (ushort)(first.Id + count) };

    private static byte[] Bytes(int length, int seed) => [.. Enumerable.Range(0, length).Select(i => (byte)(i + (seed * 31)))];

    private List<byte[]> Merge(WireFrame[] frames, bool unfinished = false)
    {
        _lent.Clear();
        foreach (var frame in frames)
            _lent.Add(frame.ToBytes(unfinished), unfinished ? frame.Fields() : default, 20, frame.Headers + 3);
        int count = MergeLent(frames.Length);
        var burst = count == frames.Length ? _lent.Burst : _merger.Burst;
        return [.. Enumerable.Range(0, count).Select(i => LentFrames.Bytes(burst, i))];
    }

    private int MergeLent(int count, OffloadKinds takes = All)
    {
        ushort* which = stackalloc ushort[Burst.MaxFrames];
        for (int i = 0; i < count; i++)
            which[i] = (ushort)i;
        return _merger.Merge(_lent.Burst, which, count, takes);
    }

    private List<byte[]> Cut(Burst burst, ushort index)
    {
        Assert.True(_finisher.Take(burst, index));
        while (_finisher.Left > 0)
            Assert.True(_finisher.MakeNext());
        var made = Enumerable.Range(0, _finisher.Burst.Count).Select(i => LentFrames.Bytes(_finisher.Burst, i)).ToList();
        _finisher.Clear();
        return made;
    }
}
