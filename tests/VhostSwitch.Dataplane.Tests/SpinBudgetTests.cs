namespace VhostSwitch.Dataplane.Tests;

public sealed class SpinBudgetTests
{
    [Fact]
    public void EachFrameSavesAnEmptyPassForOnceMore()
    {
        var budget = new SpinBudget();
        int usual = PassesBeforeSleep(ref budget);
        Assert.Equal(budget.Passes, usual);
        for (int i = 0; i < 100; i++)
            budget.Worked(32);
        Assert.Equal(usual + 3200, PassesBeforeSleep(ref budget));
        Assert.Equal(usual, PassesBeforeSleep(ref budget));
    }

    [Fact]
    public void ShortGapsBetweenFramesTakeNothingOfWhatIsSaved()
    {
        var budget = new SpinBudget();
        int usual = budget.Passes;
        for (int gap = 0; gap < 10; gap++)
        {
            budget.Worked(1);
            for (int i = 1; i < usual; i++)
                Assert.True(budget.PollsOn());
        }
        budget.Worked(1);
        Assert.Equal(usual + 11, PassesBeforeSleep(ref budget));
    }

    /// <summary>Some 10 ms of passes of 50 ns: however busy a thread was, its core is idle soon.</summary>
    [Fact]
    public void WhatIsSavedHasALimit()
    {
        var budget = new SpinBudget();
        for (int i = 0; i < 1_000_000; i++)
            budget.Worked(32);
        Assert.InRange(PassesBeforeSleep(ref budget), 100_000, 300_000);
    }

    [Fact]
    public void LongSleepsShortenTheUsualPollingAndShortOnesLengthenIt()
    {
        var budget = new SpinBudget();
        int most = budget.Passes;
        budget.Slept(TimeSpan.FromMilliseconds(1), 2);
        int fewer = budget.Passes;
        Assert.True(fewer < most);
        budget.Slept(TimeSpan.FromMilliseconds(1), 32);
        int many = budget.Passes;
        Assert.True(many < fewer / 2);
        budget.Slept(TimeSpan.FromMicroseconds(10), 32);
        Assert.True(budget.Passes > many);
    }

    private static int PassesBeforeSleep(ref SpinBudget budget)
    {
        int passes = 1;
        while (budget.PollsOn())
            passes++;
        return passes;
    }
}
