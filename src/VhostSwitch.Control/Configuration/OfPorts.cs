namespace VhostSwitch.Control.Configuration;

/// <summary>The OpenFlow port numbers of a bridge, by which operators name its ports.</summary>
public sealed class OfPorts
{
    /// <summary>The number of the local interface.</summary>
    public const int Local = 65534;

    // Open vSwitch's: numbers above are for those who ask for one.
    private const int Chosen = 32768;
    private const int MostRequested = 65279;

    private readonly HashSet<int> _taken = [];
    private int _last;

    /// <summary>
    /// Takes a number: the one asked for, or where none is the one before, if it is free; else the next free one after the last that was given.
    /// </summary>
    /// <param name="request">The number that is asked for; null for any.</param>
    /// <param name="before">The number that the interface had; null for none.</param>
    public int Take(int? request, int? before)
    {
        if ((request ?? before) is { } number && TryTake(number)) return number;
        // There are fewer ports than numbers.
        do _last = (_last % (Chosen - 1)) + 1;
        while (!_taken.Add(_last));
        return _last;
    }

    /// <summary>Takes a number where it is free and one of those that may be asked for.</summary>
    /// <param name="number">The number.</param>
    public bool TryTake(int number) => number is > 0 and <= MostRequested && _taken.Add(number);

    /// <summary>Gives a number back.</summary>
    /// <param name="number">A number that was taken.</param>
    public void Return(int number) => _taken.Remove(number);
}
