namespace VhostSwitch.Bench.Paths;

/// <summary>What a run has found; <see cref="object.ToString"/> is for people.</summary>
internal interface IReport
{
    /// <summary>Every sample, the machine, and what each contender was.</summary>
    string ToJson();

    /// <summary>The picture of it.</summary>
    string ToSvg();
}
