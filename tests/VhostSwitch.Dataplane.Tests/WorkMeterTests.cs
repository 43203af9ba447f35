using VhostSwitch.TestKit.Host;

namespace VhostSwitch.Dataplane.Tests;

public sealed class WorkMeterTests
{
    private const long Reading = 20, ProcessorReading = 300;

    // Clocks that only passes and readings move.
    private WorkMeter _meter = new(Reading, ProcessorReading);
    private long _now = 1_000_000;
    private long _processor = 1_000;
    private ulong _passes;
    private int _measurements;

    [Fact]
    public void EveryPassWithWorkCountsAsLongAsThoseThatWereMeasured()
    {
        Pass(200_000, work: 700);
        double before = _meter.Work;
        Pass(1_000_000, work: 700);
        Assert.Equal(700e6, _meter.Work - before, 1e6);
    }

    [Fact]
    public void LongAndShortPassesCountByTheirNumbers()
    {
        Pass(200_000, work: 1000);
        double before = _meter.Work;
        // In step with many things, but not with what is measured.
        for (int i = 0; i < 250_000; i++)
        {
            Pass(3, work: 100);
            Pass(1, work: 1000);
        }
        Assert.Equal(250_000 * 1300.0, _meter.Work - before, 0.1 * 250_000 * 1300);
    }

    /// <summary>A queue that fills now and then: its long passes follow each other, its short ones stand between passes without work.</summary>
    [Fact]
    public void LongPassesThatFollowEachOtherCountByTheirNumber()
    {
        Pass(200_000, work: 1000);
        double before = _meter.Work;
        for (int i = 0; i < 50_000; i++)
        {
            Pass(17, work: 1000);
            for (int j = 0; j < 23; j++)
            {
                Pass(1, work: 100);
                Pass(1, idle: 15);
            }
        }
        Assert.Equal(50_000 * 19_300.0, _meter.Work - before, 0.1 * 50_000 * 19_300);
    }

    [Fact]
    public void PassesWithoutWorkAndSleepsCountNothing()
    {
        Pass(200_000, work: 700);
        double before = _meter.Work;
        for (int i = 0; i < 10_000; i++)
        {
            Pass(1, work: 700);
            Pass(50, idle: 15);
            // A sleep is at the end of a pass without work.
            Pass(1, idle: 1_000_000);
        }
        Assert.Equal(10_000 * 700.0, _meter.Work - before, 10_000 * 7.0);
    }

    /// <summary>A guest that sends a large segment now and then: what they take is known after some hundred of them.</summary>
    [Theory]
    [InlineData(50)]
    [InlineData(100)]
    public void RareLongPassesAreSoonCountedAsLongAsTheyAre(int between)
    {
        for (int i = 0; i < 4000; i++)
        {
            Pass(1, work: 20_000);
            Pass(between, idle: 40);
        }
        Assert.Equal(4000 * 20_000.0, _meter.Work, 0.1 * 4000 * 20_000);
    }

    /// <summary>A notification wakes whoever takes the core, each time in the middle of a pass.</summary>
    [Fact]
    public void WhereWorkIsRareTheTimeOfOthersOnTheCoreCountsNothing()
    {
        Pass(200_000, work: 4000);
        Rare(1_000);
        double before = _meter.Work;
        Rare(10_000);
        Assert.Equal(10_000 * 4000.0, _meter.Work - before, 10_000 * 40.0);

        void Rare(int times)
        {
            for (int i = 0; i < times; i++)
            {
                Pass(1, work: 4000, others: 100_000);
                Pass(50, idle: 15);
            }
        }
    }

    /// <summary>One that counted in full would be multiplied by all the passes that a measured one stands for.</summary>
    [Theory]
    [InlineData(900_000, 65)]
    [InlineData(4_000_000, 0)]
    public void AnInterruptionCountsAsFewOrdinaryPassesOrNone(int ns, int passes)
    {
        Pass(200_000, work: 700);
        double before = _meter.Work;
        while (_meter.NextLook != _passes + 1)
            Pass(1, work: 700);
        int measurements = _measurements;
        Pass(1, work: ns);
        Pass(200_000, work: 700);
        Assert.True(_measurements > measurements, "the long pass was measured");
        Assert.InRange((_meter.Work - before) / 700, 200_000, 201_000 + (passes * 768));
    }

    [Fact]
    public void PassesThatBecomeMuchLongerAreFollowed()
    {
        Pass(200_000, work: 100);
        Pass(200_000, work: 10_000_000);
        double before = _meter.Work;
        Pass(100_000, work: 10_000_000);
        Assert.Equal(1e12, _meter.Work - before, 1e10);
    }

    [Fact]
    public void FewPassesAreMeasured()
    {
        Pass(1_000_000, work: 100);
        Assert.InRange(_measurements, 1_000_000 / 768, 1_000_000 / 256);
    }

    [Fact]
    public void AThreadThatAlwaysHasFramesWorksAndOneThatSleepsDoesNot()
    {
        using var rig = new Rig(_ => 1, ports: 2);
        var thread = rig.Plane.Threads[0];
        Until.True(() => thread.IsSleeping, "the thread sleeps");
        Assert.Equal(TimeSpan.Zero, thread.WorkTime);
        var input = rig.Input(0, new FakeInput { Endless = true });
        rig.Output(1, new FakeOutput());
        input.Kick();
        // How much of the core the thread has, and when its code is compiled for good, is the machine's affair; it cannot work longer than there is time.
        Until.True(() => ShareOfSomePasses() is > 0.02 and < 1.1, "a thread that works");
        rig.Plane.SetQueues(rig.Ports[0], [], []);
        Until.True(() => thread.IsSleeping, "the thread sleeps again");
        var (work, passes) = (thread.WorkTime, thread.Passes);
        Until.True(() =>
        {
            thread.Wake();
            return thread.Passes > passes + 1000;
        }, "passes without work");
        Assert.Equal(work, thread.WorkTime);

        double ShareOfSomePasses()
        {
            var (age, work, passes) = (thread.Age, thread.WorkTime, thread.Passes);
            Until.True(() => thread.Passes > passes + 20_000, "some passes");
            return (thread.WorkTime - work) / (thread.Age - age);
        }
    }

    private void Pass(int count, long work = 0, long idle = 0, long others = 0)
    {
        for (int i = 0; i < count; i++)
        {
            _passes++;
            if (_passes == _meter.NextLook)
            {
                // A clock says what it was in the middle of its reading.
                bool processor = _meter.AsksProcessorTime;
                long reading = processor ? ProcessorReading : Reading;
                Advance(reading / 2);
                if (_meter.Look(_passes, processor ? _processor : _now)) _measurements++;
                Advance(reading / 2);
            }
            Advance(work + idle);
            _now += others;
            if (work > 0) _meter.Count();
        }
    }

    private void Advance(long ns)
    {
        _now += ns;
        _processor += ns;
    }
}
