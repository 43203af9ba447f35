namespace VhostSwitch.Dataplane.Tests;

/// <summary>Frames that are too long for a receiver are dropped before it, and no others.</summary>
public sealed unsafe class LimitedOutputTests
{
    private const uint Limit = 1000;

    private static readonly int[] Lengths = [60, 1000, 1001, 1400, 999, 60, 1400];

    [Fact]
    public void LongerFramesAreDropped()
    {
        using var output = new FakeOutput();
        Assert.Equal([0, 1, 4, 5], Run(output));
        Assert.Equal(3UL, output.Drops(DropReason.ExceedsMtu));
    }

    [Fact]
    public void LargeSegmentsAreNotItsConcern()
    {
        using var output = new FakeOutput { Kinds = OffloadKinds.All };
        Assert.Equal([0, 1, 3, 4, 5], Run(output, large: 3));
        Assert.Equal(2UL, output.Drops(DropReason.ExceedsMtu));
    }

    /// <summary>What finds no room is offered again, and none is counted twice.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void AFullReceiverIsNotPassedOver(int room)
    {
        using var output = new FakeOutput { Room = room };
        Run(output);
        output.Room = int.MaxValue;
        Assert.Equal(Enumerable.Range(0, Lengths.Length).Where(i => Lengths[i] <= Limit).Take(room), output.Tokens.Select(token => (int)token));
    }

    /// <summary>Offers a frame of each length.</summary>
    /// <returns>Those that arrived.</returns>
    private static IEnumerable<int> Run(FakeOutput output, int large = -1)
    {
        var limited = new LimitedOutput(output, Limit);
        using var burst = new Burst();
        for (ushort i = 0; i < Lengths.Length; i++)
        {
            burst.Frames[i] = new Frame { Token = i, Length = (uint)Lengths[i] };
            if (i == large) burst.Frames[i].Offload.GsoType = OffloadFields.GsoTcpV4;
        }
        burst.Count = Lengths.Length;
        ushort* which = stackalloc ushort[Lengths.Length];
        for (ushort i = 0; i < Lengths.Length; i++)
            which[i] = i;
        int handled = limited.Send(burst, which, burst.Count);
        // All up to the first that found no room, and not it.
        if (handled < Lengths.Length) Assert.Equal(Lengths.Take(handled).Count(length => length <= Limit), output.Count);
        return output.Tokens.Select(token => (int)token);
    }
}
