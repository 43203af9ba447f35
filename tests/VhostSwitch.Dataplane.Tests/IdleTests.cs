using VhostSwitch.TestKit.Host;

namespace VhostSwitch.Dataplane.Tests;

public sealed class IdleTests
{
    [Fact]
    public unsafe void AnIdleThreadSleepsAndAKickWakesIt()
    {
        using var rig = new Rig(_ => 1, ports: 2);
        var input = rig.Input(0, new FakeInput());
        var output = rig.Output(1, new FakeOutput());
        for (ushort round = 1; round <= 20; round++)
        {
            Until.True(() => rig.Plane.Threads[0].IsSleeping, "a sleeping thread");
            Assert.True(Volatile.Read(ref input.KicksEnabled));
            input.Give(1);
            input.Kick();
            Until.True(() => Volatile.Read(ref output.Count) == round, "the frame");
        }
    }

    /// <summary>Sleeps that a guest's next frame does not end at once show that polling for it is in vain, above all where a pass takes long.</summary>
    [Theory]
    [InlineData(1, 200)]
    [InlineData(32, 100)]
    public unsafe void AThreadThatSleptLongPollsLessBeforeTheNextSleep(int queues, ulong few)
    {
        using var rig = new Rig(_ => 1, ports: 2);
        var input = rig.Input(0, new FakeInput());
        for (int i = 1; i < queues; i++)
            rig.Input(0, new FakeInput());
        var output = rig.Output(1, new FakeOutput());
        var thread = rig.Plane.Threads[0];
        ushort frames = 0;
        Until.True(() => PassesForAFrame() < few, "few passes between a frame and the sleep behind it");

        ulong PassesForAFrame()
        {
            Until.True(() => thread.IsSleeping, "a sleeping thread");
            ulong before = thread.Passes;
            input.Give(1);
            input.Kick();
            frames++;
            Until.True(() => Volatile.Read(ref output.Count) == frames, "the frame");
            Until.True(() => thread.IsSleeping, "a sleeping thread");
            return thread.Passes - before;
        }
    }

    /// <summary>A guest that sends much and stops for a moment, as one whose processor is taken away, is not met by a sleeping switch.</summary>
    [Fact]
    public unsafe void AThreadPollsOnBehindTheFramesItHad()
    {
        using var rig = new Rig(_ => 1, ports: 2);
        var input = rig.Input(0, new FakeInput());
        rig.Output(1, new FakeOutput());
        var thread = rig.Plane.Threads[0];
        Until.True(() => thread.IsSleeping, "a sleeping thread");
        ulong before = thread.Passes;
        input.Give(20_000);
        input.Kick();
        Until.True(() => thread.Frames == 20_000 && thread.IsSleeping, "a sleeping thread behind the frames");
        // Of a saving of SavedByFrame looks each, a pass takes some 30 beside those at two queues.
        Assert.InRange(thread.Passes - before, 20_000ul * SpinBudget.SavedByFrame / 50, 20_000ul * SpinBudget.SavedByFrame / 20);
    }

    [Fact]
    public unsafe void AQueueWithoutAKickIsPolledAllTheSame()
    {
        using var rig = new Rig(_ => 1, ports: 2);
        var input = rig.Input(0, new FakeInput(withKick: false));
        var output = rig.Output(1, new FakeOutput());
        for (ushort round = 1; round <= 20; round++)
        {
            Until.True(() => rig.Plane.Threads[0].IsSleeping, "a sleeping thread");
            input.Give(1);
            Until.True(() => Volatile.Read(ref output.Count) == round, "the frame");
        }
    }

    [Fact]
    public void ABusyThreadNeverSleeps()
    {
        using var rig = new Rig(_ => 1, ports: 2, idle: IdlePolicy.Busy);
        var input = rig.Input(0, new FakeInput());
        ulong passes = rig.Plane.Threads[0].Passes;
        Until.True(() => rig.Plane.Threads[0].Passes > passes + 100_000, "many passes");
        Assert.False(Volatile.Read(ref input.KicksEnabled));
    }

    [Fact]
    public void AQueueWithoutSignsOfFramesIsAskedSeldomAndYetAsked()
    {
        using var rig = new Rig(_ => 1, ports: 2, idle: IdlePolicy.Busy);
        var input = rig.Input(0, new FakeInput { IsSilent = true });
        rig.Output(1, new FakeOutput());
        var thread = rig.Plane.Threads[0];
        ulong passes = thread.Passes, asked = Volatile.Read(ref input.Asked);
        Until.True(() => thread.Passes > passes + 10_000, "many passes");
        Assert.InRange(Volatile.Read(ref input.Asked) - asked, 1ul, (thread.Passes - passes) / 10);
        rig.Lend(input, 1);
    }

    [Fact]
    public unsafe void APollThreadAllocatesNothing()
    {
        using var rig = new Rig(token => token % 7 == 0 ? Frame.Flood : (ushort)1, ports: 3, idle: IdlePolicy.Busy, retry: new RetryPolicy(1, 0));
        var input = rig.Input(0, new FakeInput { Endless = true, KeepsDecisionsOpen = true });
        rig.Output(1, new FakeOutput { KeepsDecisionsOpen = true });
        rig.Output(2, new FakeOutput { Room = 0 });
        var thread = rig.Plane.Threads[0];
        ulong passes = thread.Passes;
        Until.True(() => thread.Passes > passes + 200_000, "many bursts");
        Assert.True(thread.Frames > 1_000_000);
        Assert.Equal(0, thread.AllocatedBytes);
    }

    [Fact]
    public void ThreadsEndWhenThePlaneDoes()
    {
        var rig = new Rig(_ => 1, ports: 1, threads: 2);
        rig.Dispose();
        ulong[] passes = [.. rig.Plane.Threads.Select(t => t.Passes)];
        Assert.Equal(passes, rig.Plane.Threads.Select(t => t.Passes));
    }
}
