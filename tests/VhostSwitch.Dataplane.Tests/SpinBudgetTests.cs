namespace VhostSwitch.Dataplane.Tests;

public sealed class SpinBudgetTests
{
    [Fact]
    public void EachFrameSavesPollingForOnceMore()
    {
        var budget = new SpinBudget();
        int usual = PassesBeforeSleep(ref budget);
        Assert.Equal(budget.Passes, usual);
        for (int i = 0; i < 100; i++)
            budget.Worked(32);
        Assert.Equal(usual + Saved(3200, usual), PassesBeforeSleep(ref budget));
        Assert.Equal(usual, PassesBeforeSleep(ref budget));
    }

    /// <summary>A pass over many queues takes longer, and what is saved is time.</summary>
    [Fact]
    public void MoreQueuesTakeMoreOfWhatIsSaved()
    {
        var budget = new SpinBudget();
        budget.Slept(TimeSpan.FromMicroseconds(10), 290);
        int usual = budget.Passes;
        budget.Worked(32);
        Assert.Equal(usual + 16, PassesBeforeSleep(ref budget));
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
        Assert.Equal(usual + Saved(11, usual), PassesBeforeSleep(ref budget));
    }

    /// <summary>However busy a thread was, its core is idle soon.</summary>
    [Fact]
    public void WhatIsSavedHasALimit()
    {
        var budget = new SpinBudget();
        int usual = budget.Passes;
        for (int i = 0; i < 1_000_000; i++)
            budget.Worked(32);
        Assert.Equal(usual + Passes(SpinBudget.MostSaved, usual), PassesBeforeSleep(ref budget));
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

    private static int Saved(int frames, int usual) => Passes(frames * SpinBudget.SavedByFrame, usual);

    // The usual passes are the most looks at first.
    private static int Passes(int looks, int usual) => looks / (SpinBudget.Most / usual);

    private static int PassesBeforeSleep(ref SpinBudget budget)
    {
        int passes = 1;
        while (budget.PollsOn())
            passes++;
        return passes;
    }
}
