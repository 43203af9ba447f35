namespace VhostSwitch.Dataplane.Tests;

/// <summary>What becomes of frames with something left to be done, by what their receivers take.</summary>
public sealed unsafe class UnfinishedDeliveryTests
{
    private const int Size = 100, Segments = 40;

    // Frame 0, 3, 6, …: 40 segments; 1, 4, 7, …: a checksum is left; 2, 5, 8, …: nothing is.
    private static readonly WireFrame Plain = new() { Payload = [.. Enumerable.Range(0, Size * Segments).Select(i => (byte)(i * 3))] };

    [Fact]
    public void FramesAreFinishedInOrderWithThoseAroundThem()
    {
        using var rig = new Rig(_ => 1, ports: 2);
        var input = rig.Input(0, new FakeInput { Content = Mixed });
        var output = rig.Output(1, new FakeOutput { Contents = [] });
        rig.Run(input, 50);
        Assert.Equal(Enumerable.Range(0, 50).SelectMany(Finished), output.Contents!.Select(c => c.Bytes));
        Assert.Equal(50ul, input.Counters->Delivered);
    }

    [Theory]
    [InlineData(OffloadKinds.Checksum, false)]
    [InlineData(OffloadKinds.Checksum | OffloadKinds.Tso4, true)]
    public void FramesThatAreTakenAsTheyAreKeepTheirPlace(OffloadKinds takes, bool large)
    {
        using var rig = new Rig(_ => 1, ports: 2);
        var input = rig.Input(0, new FakeInput { Content = Mixed });
        var output = rig.Output(1, new FakeOutput { Contents = [], Kinds = takes });
        rig.Run(input, 50);
        var expected = Enumerable.Range(0, 50).SelectMany(i => i % 3 != 0 || large ? [Mixed((ushort)i).Bytes] : Finished(i));
        Assert.Equal(expected.Select(Convert.ToHexString), output.Contents!.Select(c => Convert.ToHexString(c.Bytes)));
        Assert.Contains(output.Contents!, c => c.Offload.Flags != 0);
    }

    [Fact]
    public void ASegmentThatIsLongerThanTheOutputTakesIsCut()
    {
        using var rig = new Rig(_ => 1, ports: 2);
        var input = rig.Input(0, new FakeInput { Content = Mixed });
        var output = rig.Output(1, new FakeOutput { Contents = [], Kinds = OffloadKinds.Checksum | OffloadKinds.Tso4, Longest = 1514 });
        rig.Run(input, 3);
        Assert.Equal(Segments + 2, output.Count);
    }

    [Fact]
    public void SegmentsWithoutRoomAreCountedAndTheirFrameIsNotDelivered()
    {
        using var rig = new Rig(_ => 1, ports: 2);
        var input = rig.Input(0, new FakeInput { Content = Mixed });
        var output = rig.Output(1, new FakeOutput { Contents = [], Room = Segments + 2 + 5 });
        rig.Run(input, 6);
        Assert.Equal([.. Enumerable.Range(0, 3).SelectMany(Finished), .. Finished(3).Take(5)], output.Contents!.Select(c => c.Bytes));
        Assert.Equal(3ul, input.Counters->Delivered);
        Assert.Equal((ulong)(Segments - 5 + 2), output.Drops(DropReason.ReceiverFull));
    }

    [Fact]
    public void AFrameOfWhichNothingWasMadeForAFullReceiverIsNotDelivered()
    {
        // 40 segments and 24 frames fill two bursts; the last frame finds the second one full, and the receiver too.
        using var rig = new Rig(_ => 1, ports: 2);
        var input = rig.Input(0, new FakeInput { Content = token => Mixed(token is 0 or 25 ? (ushort)0 : (ushort)1) });
        var output = rig.Output(1, new FakeOutput { Room = Burst.MaxFrames });
        rig.Run(input, 26);
        Assert.Equal(0ul, input.Counters->Delivered);
        Assert.Equal((ulong)(Segments + 24 + Segments - Burst.MaxFrames), output.Drops(DropReason.ReceiverFull));
    }

    [Fact]
    public void AFullReceiverIsTriedAgain()
    {
        using var rig = new Rig(_ => 1, ports: 2, retry: new RetryPolicy(4, 1));
        var input = rig.Input(0, new FakeInput { Content = Mixed });
        var output = rig.Output(1, new FakeOutput { Contents = [], RefusedCalls = 3 });
        rig.Run(input, 4);
        Assert.Equal(Enumerable.Range(0, 4).SelectMany(Finished), output.Contents!.Select(c => c.Bytes));
        Assert.Equal(0ul, output.Drops(DropReason.ReceiverFull));
    }

    [Fact]
    public void FieldsThatContradictTheHeadersAreTheSendersFault()
    {
        using var rig = new Rig(_ => 1, ports: 2);
        var (bytes, offload) = Mixed(1);
        offload.CsumStart = 30;
        var input = rig.Input(0, new FakeInput { Content = token => token == 1 ? (bytes, offload) : Mixed(token) });
        var output = rig.Output(1, new FakeOutput { Contents = [] });
        rig.Run(input, 3);
        Assert.Equal([.. Finished(0), .. Finished(2)], output.Contents!.Select(c => c.Bytes));
        Assert.Equal(1ul, input.Counters->Drops(DropReason.BadOffload));
        Assert.Equal(2ul, input.Counters->Delivered);
    }

    [Fact]
    public void AFloodIsFinishedForThoseThatNeedIt()
    {
        using var rig = new Rig(_ => Frame.Flood, ports: 3);
        var input = rig.Input(0, new FakeInput { Content = Mixed });
        var first = rig.Output(1, new FakeOutput { Contents = [], Kinds = OffloadKinds.Checksum | OffloadKinds.Tso4 });
        var second = rig.Output(2, new FakeOutput { Contents = [] });
        rig.Run(input, 9);
        Assert.Equal(Enumerable.Range(0, 9).Select(i => Mixed((ushort)i).Bytes), first.Contents!.Select(c => c.Bytes));
        Assert.Equal(Enumerable.Range(0, 9).SelectMany(Finished), second.Contents!.Select(c => c.Bytes));
        Assert.Equal(9ul, input.Counters->Delivered);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void APortMergesWhereItIsToldTo(bool merges)
    {
        using var rig = new Rig(_ => 1, ports: 2, merges: merges);
        var cut = Finished(0).ToList();
        var input = rig.Input(0, new FakeInput { Content = token => (cut[token], default) });
        var output = rig.Output(1, new FakeOutput { Contents = [], Kinds = OffloadKinds.Checksum | OffloadKinds.Tso4 });
        rig.Run(input, 10);
        if (!merges) Assert.Equal(cut.Take(10), output.Contents!.Select(c => c.Bytes));
        else Assert.Equal((54 + (10 * Size), (ushort)Size), (Assert.Single(output.Contents!).Bytes.Length, output.Contents![0].Offload.GsoSize));
        Assert.Equal(10ul, input.Counters->Delivered);
    }

    [Fact]
    public void NothingIsAllocatedForIt()
    {
        using var rig = new Rig(_ => 1, ports: 2, merges: true);
        var contents = Enumerable.Range(0, 96).Select(i => Mixed((ushort)i)).ToArray();
        var input = rig.Input(0, new FakeInput { Content = token => contents[token % 96] });
        rig.Output(1, new FakeOutput());
        rig.Run(input, 960);
        TestKit.Host.Until.True(() => rig.Plane.Threads[0].IsSleeping, "a thread that has told what it allocated");
        Assert.Equal(0, rig.Plane.Threads[0].AllocatedBytes);
    }

    private static (byte[] Bytes, OffloadFields Offload) Mixed(ushort token) => (token % 3) switch
    {
        0 => (Of(token, Segments).ToBytes(unfinished: true), Of(token, Segments).Fields(OffloadFields.GsoTcpV4, Size)),
        1 => (Of(token, 1).ToBytes(unfinished: true), Of(token, 1).Fields()),
        _ => (Of(token, 1).ToBytes(), default),
    };

    private static IEnumerable<byte[]> Finished(int token) => token % 3 != 0
        ? [Of(token, 1).ToBytes()]
        : Enumerable.Range(0, Segments).Select(i => Plain with
        {
            Id = (ushort)(token + i),
            Sequence = (uint)((token * 10_000) + (i * Size)),
            Payload = Plain.Payload[(i * Size)..((i + 1) * Size)],
        }).Select(f => f.ToBytes());

    private static WireFrame Of(int token, int segments) =>
        Plain with { Id = (ushort)token, Sequence = (uint)(token * 10_000), Payload = Plain.Payload[..(segments * Size)] };
}
