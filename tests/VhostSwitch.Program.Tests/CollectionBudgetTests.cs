using Xunit;

// Collections are the whole process's.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace VhostSwitch.Program.Tests;

public sealed class CollectionBudgetTests
{
    // Several times what the runtime lets come together by itself, and less than it may here.
    private const int Much = 64 << 20;

    [Fact]
    public void GarbageIsCollectedWhenNobodyPolls()
    {
        using var budget = new CollectionBudget();
        MakeGarbage();
        budget.Look(allSleep: false, frames: 0);
        Assert.Equal(0, budget.Count);
        // Asleep between two frames.
        budget.Look(allSleep: true, frames: 1);
        Assert.Equal(0, budget.Count);
        budget.Look(allSleep: true, frames: 1);
        Assert.Equal(1, budget.Count);
        // Little has come together since.
        budget.Look(allSleep: true, frames: 1);
        Assert.Equal(1, budget.Count);
        MakeGarbage();
        Assert.Equal(1, budget.Count);
    }

    [Fact]
    public void ACollectionOfOthersIsNotTheFirstOfMany()
    {
        using var budget = new CollectionBudget();
        GC.Collect();
        budget.Look(allSleep: false, frames: 0);
        int before = budget.Count;
        MakeGarbage();
        Assert.Equal(before, budget.Count);
        Assert.Equal(before, budget.Snapshot().Collections);
    }

    private static void MakeGarbage()
    {
        const int Piece = 1000;
        for (int made = 0; made < Much; made += Piece)
            GC.KeepAlive(new byte[Piece]);
    }
}
