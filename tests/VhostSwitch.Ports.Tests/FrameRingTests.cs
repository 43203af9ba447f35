using FsCheck;
using FsCheck.Fluent;
using VhostSwitch.TestKit.Host;

namespace VhostSwitch.Ports.Tests;

public sealed unsafe class FrameRingTests : IDisposable
{
    private const uint Capacity = FrameRing.LeastCapacity;

    private readonly FrameRing _ring = new(new FrameMemory(0), Capacity);

    [Fact]
    public void NothingIsSeenBeforeItIsPublished()
    {
        Add(1, 60);
        Assert.False(_ring.HasFrames());
        Assert.True(_ring.TryTake() == null);
        _ring.Publish();
        Assert.True(_ring.HasFrames());
        Assert.Equal(TestFrames.Numbered(1), Take());
        Assert.False(_ring.HasFrames());
    }

    [Fact]
    public void MemoryIsFreeAgainOnlyWhenItWasReleased()
    {
        int held = Fill(64_000);
        Assert.Equal(4, held);
        for (int i = 0; i < held; i++)
            _ring.TryTake();
        Assert.True(_ring.TryAdd(64_000) == null);
        _ring.Release();
        Assert.Equal(4, Fill(64_000));
    }

    [Fact]
    public void TheLongestFrameFitsWhereverTheRingStands()
    {
        const uint longest = 65_557;
        // One step of a cache line after the other, all around.
        for (uint i = 0; i < Capacity / 64; i++)
        {
            Assert.True(_ring.TryAdd(1) != null);
            Assert.True(_ring.TryAdd(longest) != null);
            Assert.False(_ring.Publish());
            Assert.Equal(1u, _ring.TryTake()->Stored);
            Assert.Equal(longest, _ring.TryTake()->Stored);
            _ring.Release();
        }
    }

    /// <summary>Any order of adding, publishing, taking and releasing, beside a plain queue.</summary>
    [Fact]
    public void IsAQueueWhateverIsDone()
    {
        var step = Gen.Frequency((4, Gen.Choose(0, 70_000)), (4, Gen.Choose(0, 200)), (3, Gen.Constant(-1)), (3, Gen.Constant(-2)),
            (2, Gen.Constant(-3)));
        Prop.ForAll(step.ArrayOf(300).ToArbitrary(), steps =>
        {
            using var ring = new FrameRing(new FrameMemory(0), Capacity);
            var added = new Queue<byte[]>();
            var published = new Queue<byte[]>();
            var lent = new List<(nint Record, byte[] Frame)>();
            int number = 0;
            foreach (int what in steps)
            {
                if (what >= 0)
                {
                    byte[] frame = TestFrames.Numbered(number++, Math.Max(what, 1));
                    var record = ring.TryAdd((uint)frame.Length);
                    if (record == null) Assert.True(added.Count + published.Count + lent.Count > 0, "an empty ring refused a frame");
                    else
                    {
                        frame.CopyTo(new Span<byte>(FrameRecord.Data(record), frame.Length));
                        added.Enqueue(frame);
                    }
                }
                else if (what == -1)
                {
                    ring.Publish();
                    while (added.TryDequeue(out byte[]? frame))
                        published.Enqueue(frame);
                }
                else if (what == -2)
                {
                    var record = ring.TryTake();
                    Assert.Equal(published.Count == 0, record == null);
                    if (record != null) lent.Add(((nint)record, published.Dequeue()));
                }
                else
                {
                    ring.Release();
                    lent.Clear();
                }
                // What is on loan stays as it is.
                foreach (var (at, frame) in lent)
                    Assert.Equal(frame, Bytes((FrameRecord*)at));
                Assert.Equal(published.Count > 0, ring.HasFrames());
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(200));
    }

    [Fact]
    public void OneThreadAddsWhileAnotherTakes()
    {
        const int count = 200_000;
        string? wrong = null;
        var taker = new Thread(() =>
        {
            for (int i = 0; i < count && wrong is null;)
            {
                var record = _ring.TryTake();
                if (record == null)
                {
                    Thread.Yield();
                    continue;
                }
                int number = *(int*)FrameRecord.Data(record);
                if (number != i || record->Stored != Length(i) || FrameRecord.Data(record)[record->Stored - 1] != (byte)(i * 7))
                    wrong = $"frame {number} of {record->Stored} bytes in place of {i}";
                i++;
                if (i % 5 == 0 || !_ring.HasFrames()) _ring.Release();
            }
        });
        taker.Start();
        for (int i = 0; i < count && wrong is null; i++)
        {
            FrameRecord* record;
            while ((record = _ring.TryAdd(Length(i))) == null && wrong is null)
            {
                _ring.Publish();
                Thread.Yield();
            }
            if (record == null) break;
            *(int*)FrameRecord.Data(record) = i;
            FrameRecord.Data(record)[record->Stored - 1] = (byte)(i * 7);
            if (i % 3 == 0) _ring.Publish();
        }
        _ring.Publish();
        Assert.True(taker.Join(Until.Limit), "all frames taken");
        Assert.Null(wrong);

        static uint Length(int i) => 5 + (uint)(i * 131 % 3000);
    }

    [Fact]
    public void OneWishIsAnsweredByOneWake()
    {
        Add(1, 60);
        Assert.False(_ring.Publish());
        Assert.False(_ring.WakeIfAskedFor());
        Take();
        _ring.AskForWake();
        Add(2, 60);
        Assert.True(_ring.Publish());
        Add(3, 60);
        Assert.False(_ring.Publish());
        Assert.Equal(1ul, Linux.EventFd.Drain(_ring.WakeDescriptor));
        // A wish that came behind the publication is found by asking again.
        _ring.AskForWake();
        Assert.True(_ring.WakeIfAskedFor());
        _ring.AskForWake();
        _ring.StopAsking();
        Assert.False(_ring.WakeIfAskedFor());
    }

    [Theory]
    [InlineData(FrameRing.LeastCapacity / 2)]
    [InlineData(FrameRing.LeastCapacity + 64)]
    public void OtherCapacitiesAreAMistake(uint capacity) => Assert.ThrowsAny<ArgumentException>(() => new FrameRing(new FrameMemory(0), capacity));

    public void Dispose() => _ring.Dispose();

    private static byte[] Bytes(FrameRecord* record) => new Span<byte>(FrameRecord.Data(record), (int)record->Stored).ToArray();

    private void Add(int number, int length)
    {
        var record = _ring.TryAdd((uint)length);
        TestFrames.Numbered(number, length).CopyTo(new Span<byte>(FrameRecord.Data(record), length));
    }

    private byte[] Take()
    {
        byte[] frame = Bytes(_ring.TryTake());
        _ring.Release();
        return frame;
    }

    private int Fill(uint length)
    {
        int count = 0;
        while (_ring.TryAdd(length) != null)
            count++;
        _ring.Publish();
        return count;
    }
}
