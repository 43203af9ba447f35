using VhostSwitch.Linux;
using VhostSwitch.TestKit.Host;

namespace VhostSwitch.Dataplane.Tests;

/// <summary>Poll threads come and go while frames flow, and queues are polled where they are wanted.</summary>
public sealed unsafe class CoreTests
{
    // A machine with one processor has threads that are kept on none beside those that are kept on it.
    private static readonly int[] Cores = CpuAffinity.Current() is [var first, var second, ..] ? [first, second] : [-1, CpuAffinity.Current()[0]];

    [Fact]
    public void ThreadsThatComeAndGoLoseNothing()
    {
        using var rig = new Rig(_ => 4, ports: 5, threads: 1, idle: IdlePolicy.Busy);
        var output = rig.Output(4, new FakeOutput { KeepsDecisionsOpen = true });
        var inputs = Enumerable.Range(0, 4).Select(i => rig.Input(i, new FakeInput { Endless = true, BurstSize = (i * 3) + 1, KeepsDecisionsOpen = true })).ToArray();
        for (int i = 0; i < 12; i++)
        {
            int[] cores = (i % 3) switch { 0 => Cores, 1 => Cores[..1], _ => Cores[1..] };
            rig.Plane.UseCores(cores);
            Assert.Equal(cores.Order(), rig.Plane.Threads.Select(thread => thread.Core).Order());
            foreach (var input in inputs)
            {
                Assert.Contains(rig.Plane.OwnerOf(input), rig.Plane.Threads);
                int before = Volatile.Read(ref input.Returned);
                Until.True(() => Volatile.Read(ref input.Returned) > before, "frames still come");
            }
        }
        foreach (var port in rig.Ports.Take(4))
            rig.Plane.SetQueues(port, [], []);
        ulong sent = inputs.Aggregate(0UL, (sum, queue) => sum + queue.Counters->Frames);
        Assert.Equal(sent, (ulong)output.Count);
    }

    [Fact]
    public void AThreadThatStaysKeepsItsQueues()
    {
        using var rig = new Rig(_ => 2, ports: 3, threads: 1);
        rig.Plane.UseCores(Cores);
        var input = rig.Input(0, new FakeInput());
        var owner = rig.Plane.OwnerOf(input)!;
        rig.Plane.UseCores([owner.Core]);
        Assert.Same(owner, Assert.Single(rig.Plane.Threads));
        Assert.Same(owner, rig.Plane.OwnerOf(input));
        rig.Plane.UseCores([owner.Core]);
        Assert.Same(owner, Assert.Single(rig.Plane.Threads));
    }

    [Fact]
    public void AQueueIsPolledOnTheCoreItIsWantedOnAndOthersKeepOff()
    {
        using var rig = new Rig(_ => 4, ports: 5, threads: 1);
        rig.Plane.UseCores(Cores);
        var inputs = Enumerable.Range(0, 4).Select(i => rig.Input(i, new FakeInput())).ToArray();
        foreach (int core in Cores)
        {
            rig.Plane.CoreOf = queue => queue == inputs[0] ? core : null;
            rig.Plane.Balance();
            // However much there is for the others.
            foreach (var input in inputs)
                rig.Run(input, 1000);
            rig.Plane.Balance();
            Assert.Equal(core, rig.Plane.OwnerOf(inputs[0])!.Core);
            Assert.All(inputs[1..], input => Assert.NotEqual(core, rig.Plane.OwnerOf(input)!.Core));
            Assert.Equal([core], rig.Plane.Threads.Where(rig.Plane.IsIsolated).Select(thread => thread.Core));
        }
        // A core without a thread is no place: the queue is polled all the same.
        rig.Plane.CoreOf = queue => queue == inputs[0] ? CpuAffinity.MaxCpus : null;
        rig.Plane.Balance();
        rig.Run(inputs[0], 100);
        Assert.DoesNotContain(true, rig.Plane.Threads.Select(rig.Plane.IsIsolated));
    }

    [Fact]
    public void WhatToDoWithoutFramesCanChange()
    {
        using var rig = new Rig(_ => 1, ports: 2);
        rig.Input(0, new FakeInput());
        Until.True(() => rig.Plane.Threads[0].IsSleeping, "the thread sleeps");
        rig.Plane.Idle = IdlePolicy.Busy;
        ulong passes = rig.Plane.Threads[0].Passes;
        Until.True(() => rig.Plane.Threads[0].Passes > passes + 100_000 && !rig.Plane.Threads[0].IsSleeping, "the thread polls without end");
        rig.Plane.Idle = IdlePolicy.Adaptive;
        Until.True(() => rig.Plane.Threads[0].IsSleeping, "the thread sleeps again");
    }
}
