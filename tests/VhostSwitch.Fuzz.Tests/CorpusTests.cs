using System.Runtime.CompilerServices;

namespace VhostSwitch.Fuzz.Tests;

/// <summary>What fuzzing has kept goes on to hold, and a few thousand new inputs beside it. For more: fuzz.sh.</summary>
public sealed class CorpusTests
{
    private const int NewInputs = 3_000;

    public static TheoryData<string> Targets => [.. FuzzTargets.Names];

    [Theory]
    [MemberData(nameof(Targets))]
    public void NothingIsFound(string name)
    {
        using var target = FuzzTargets.Make(name);
        List<byte[]> inputs = [.. target.Seeds, .. Corpus.Load(Folder(), name)];
        Assert.True(inputs.Count > 100, $"the corpus of {name} has {inputs.Count} inputs");
        int seed = Random.Shared.Next();
        var mutator = new Mutator(seed);
        foreach (byte[] input in inputs.Concat(Enumerable.Range(0, NewInputs).Select(_ => mutator.Mutate(mutator.Pick(inputs), inputs))))
        {
            var fault = Record.Exception(() => target.Run(input));
            Assert.True(fault is null, $"fuzz.sh repeat {name} {Convert.ToBase64String(input)} (seed {seed}): {fault}");
        }
    }

    private static string Folder([CallerFilePath] string here = "") => Path.Combine(Path.GetDirectoryName(here)!, "..", "..", "fuzz", "corpus");
}
